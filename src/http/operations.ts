import { Router } from 'express';
import { onlyRead } from './methods.js';

/** Liveness, readiness and metrics: outside /v1, without a key, so that an orchestrator can read them. */
export interface OperationsParts {
  /** Each part that must work for requests to succeed; null when it works, else why not. */
  readiness(): Promise<Record<string, string | null>>;
  /** The Prometheus text format and its media type. */
  metrics(): Promise<{ contentType: string; text: string }>;
  answered(request: { method: string; route: string; status: number; seconds: number }): void;
}

export function operationsRoutes(parts: OperationsParts): Router {
  const router = Router();
  router.get('/health/live', (_req, res) => void res.set('Cache-Control', 'no-store').json({ status: 'up' }));
  router.get('/health/ready', async (_req, res) => {
    const faults = await parts.readiness();
    const ready = Object.values(faults).every((fault) => fault === null);
    const shown = Object.entries(faults).map(([name, fault]) => [name, fault === null ? { status: 'up' } : { status: 'down', detail: fault }] as const);
    res.status(ready ? 200 : 503).set('Cache-Control', 'no-store').json({ status: ready ? 'up' : 'down', parts: Object.fromEntries(shown) as object });
  });
  router.get('/metrics', async (_req, res) => {
    const { contentType, text } = await parts.metrics();
    res.set({ 'Content-Type': contentType, 'Cache-Control': 'no-store' }).send(text);
  });
  router.all(['/health/live', '/health/ready', '/metrics'], onlyRead);
  return router;
}
