/** The README.txt of the bundle. */
export const readme = (madeAt: Date, days: number): string => `Mailroom support bundle
made at ${madeAt.toISOString()} (all times are UTC), with the SMTP sessions of the last ${days === 1 ? '24 hours' : `${days * 24} hours`}

What is in it

SMTPSVC1/exYYMMDD.log  The conversations with the mail server, one file for each day. Each line that starts in the first column is one
                       session: when, which worker process, "delivery" or "test", the id of the e-mail or the test, and how it ended.
                       Under a session that failed, and under every test, its dialogue is indented: "C:" is what Mailroom said, "S:" what
                       the server said, "*" what happened; the number is the time in seconds since the connection was begun.
                       "not-connected" stands for all the e-mails of a batch ("emails=") when no connection could be made.
versions.json          What runs: Mailroom, Node.js, OpenSSL, Postgres, the queue's back end, the migrations of the database.
settings.json          The settings as the API shows them; of the event types and templates those that are not built in, without their texts.
counts.json            How many e-mails are in which state and why, and what waits.
README.txt             This text.

Where to begin

1. counts.json: are e-mails "deferred" or "failed", and with which reason?
2. SMTPSVC1: look for that reason (code=...) and read the dialogue under it. The server's own words are in the lines with "S:".
3. settings.json: is this the server, port and security that was meant?

What is not in it

Passwords, API keys, tokens and private keys, and the texts of e-mails. There are e-mail addresses and host names in it: treat it accordingly.
The log lines of the very last second may be missing, and those of a process that was killed a second before.
`;
