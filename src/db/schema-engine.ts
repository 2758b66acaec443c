import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import type * as generatedGlue from '@prisma/schema-engine-wasm/schema_engine_bg';

/** The part of WebAssembly's JavaScript interface that is used here; Node's type declarations of this line lack it. */
declare const WebAssembly: { instantiate(bytes: Uint8Array, imports: Record<string, unknown>): Promise<{ instance: { exports: Record<string, unknown> } }> };

/** What the generated glue exports beyond its declared types: the hook that hands it the instantiated module. */
type EngineGlue = typeof generatedGlue & { __wbg_set_wasm(exports: Record<string, unknown>): void };

/**
 * Runs `work` with Prisma's schema engine as WebAssembly, which talks to Postgres through the same driver as the service: migrations need
 * no native engine, so nothing is downloaded.
 */
export async function withSchemaEngine<T>(url: string, work: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  const glue = await instantiate();
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined); // a broken connection rejects the statement in flight, which is where it is handled
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
    const engine = await glue.SchemaEngine.new({ datamodels: null } as never, () => undefined, adapter);
    return await work(engine);
  } finally {
    await pool.end();
  }
}

async function instantiate(): Promise<EngineGlue> {
  const glue = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as unknown as EngineGlue;
  const file = fileURLToPath(new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm')));
  const { instance } = await WebAssembly.instantiate(await readFile(file), { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as (() => void) | undefined)?.();
  return glue;
}
