import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is counted, and how it is read. One registry for each container, so that several live in one process. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly http = new Histogram({
    name: 'mailroom_http_request_seconds',
    help: 'Duration of HTTP requests by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [this.registry],
  });
  private readonly attempts = new Counter({
    name: 'mailroom_delivery_attempts_total',
    help: 'Delivery attempts by the status they led to',
    labelNames: ['status'],
    registers: [this.registry],
  });
  private readonly delivery = new Histogram({
    name: 'mailroom_delivery_seconds',
    help: 'Duration of delivery attempts by the status they led to',
    labelNames: ['status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  readonly answered = ({ method, route, status, seconds }: { method: string; route: string; status: number; seconds: number }): void =>
    this.http.observe({ method, route, status }, seconds);

  readonly attempted = ({ status, seconds }: { status: string; seconds: number }): void => {
    this.attempts.inc({ status });
    this.delivery.observe({ status }, seconds);
  };

  /** A gauge that is read when it is asked for. When reading fails it is left out, and the other metrics are still told. */
  gauge<Label extends string>(name: string, help: string, labelNames: Label[], read: () => Promise<[Partial<Record<Label, string>>, number][]>): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      async collect() {
        this.reset();
        const values = await read().catch(() => []);
        values.forEach(([labels, value]) => this.set(labels as Record<Label, string>, value));
      },
    });
  }

  readonly text = async (): Promise<{ contentType: string; text: string }> => ({
    contentType: this.registry.contentType,
    text: await this.registry.metrics(),
  });
}
