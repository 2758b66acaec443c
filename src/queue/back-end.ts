import type { BackendFactory, IQueueBackend } from 'bullmq';

/** What differs between Redis and Postgres. It holds all connections of one process, whatever number of queues and workers uses them. */
export interface BackEnd {
  readonly type: 'redis' | 'postgres';
  /** Ties a queue or a worker of BullMQ to these connections. */
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  /** Resolves when a command can be sent. Rejects when there is no connection. */
  ready(): Promise<void>;
  /** One round trip. */
  ping(): Promise<void>;
  /** Cuts every connection, whatever is under way on it. Never rejects. */
  close(): Promise<void>;
}

/** What a back end reports by itself, between commands. */
export interface BackEndEvents {
  /** A connection was lost or could not be made. */
  lost(error: Error): void;
  /** A connection is there again. */
  connected(): void;
  /** A setting of the server that puts jobs at risk. */
  advice(message: string): void;
}
