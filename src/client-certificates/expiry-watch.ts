import type { Database, Tx } from '../db/client.js';
import type { ClientCertificatesRepository, ExpiringCertificate } from './client-certificates.repository.js';

export interface OwnEvent {
  type: string;
  properties: Record<string, string | number>;
  objectId: string;
}

export interface ExpiryWatchParts {
  database: Database;
  certificates: ClientCertificatesRepository;
  /** Publishes events of Mailroom itself in the transaction; what it answers is to be called after the commit. */
  publish(tx: Tx, events: OwnEvent[]): Promise<() => void>;
}

/** Announces the end of the active certificate, 30, 7 and 1 days ahead and when it is there. */
export class ExpiryWatch {
  constructor(private readonly parts: ExpiryWatchParts) {}

  /** That it was announced and the event are one transaction, so each is announced once, whoever looks when. */
  async check(): Promise<void> {
    const { database, certificates, publish } = this.parts;
    const committed = await database.prisma.$transaction(async (tx) => {
      const expiring = await certificates.takeExpiring(tx);
      return expiring.length === 0 ? null : publish(tx, expiring.map(announcementOf));
    });
    committed?.();
  }
}

const announcementOf = ({ id, facts: { subject, thumbprintSha256, validTo }, daysRemaining }: ExpiringCertificate): OwnEvent => ({
  type: 'CertificateExpiring',
  objectId: id,
  properties: { CertificateSubject: subject, CertificateThumbprint: thumbprintSha256, ExpirationDate: validTo, DaysRemaining: daysRemaining },
});
