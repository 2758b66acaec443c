-- The index on (status, id) serves what this one was for, and each e-mail was written into it twice.
DROP INDEX "emails_waiting_idx";
