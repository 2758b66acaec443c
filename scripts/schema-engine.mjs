// Prisma's schema engine as WebAssembly, talking to Postgres through the driver of the service: nothing native is downloaded.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** Runs `work` with the engine, which asks the server at `url` for its version. */
export async function withSchemaEngine(url, work) {
  const file = fileURLToPath(new URL('schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm')));
  const { instance } = await WebAssembly.instantiate(await readFile(file), { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start?.();
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  try {
    return await work(await glue.SchemaEngine.new({ datamodels: null }, () => undefined, bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool))));
  } finally {
    await pool.end();
  }
}
