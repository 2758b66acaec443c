import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';

/** The part of WebAssembly's JavaScript interface that is used here; Node's type declarations of this line lack it. */
declare const WebAssembly: { instantiate(bytes: Uint8Array, imports: Record<string, unknown>): Promise<{ instance: { exports: Record<string, unknown> } }> };

/** What the generated glue exports beyond its declared types: the hook that hands it the instantiated module. */
type EngineGlue = typeof import('@prisma/schema-engine-wasm/schema_engine_bg') & { __wbg_set_wasm(exports: Record<string, unknown>): void };

/**
 * Prisma's schema engine as WebAssembly, talking to Postgres through the same driver as the service: migrations need no native
 * engine, so nothing is downloaded.
 */
export async function loadSchemaEngine(url: string): Promise<SchemaEngine> {
  const glue = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as unknown as EngineGlue;
  const file = fileURLToPath(new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm')));
  const { instance } = await WebAssembly.instantiate(await readFile(file), { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as (() => void) | undefined)?.();
  return glue.SchemaEngine.new({ datamodels: null } as never, () => undefined, bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: url })));
}
