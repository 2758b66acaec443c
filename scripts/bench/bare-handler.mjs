// What accepting an event is measured against: a bare Express handler that inserts the same row with pg.
import express from 'express';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

process.on('message', ({ databaseUrl }) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  const app = express();
  app.use(express.json());
  app.post('/events', async (req, res) => {
    const { type, properties } = req.body;
    const { rows } = await pool.query(
      `INSERT INTO events (id, type, properties, occurred_at, published_by, publisher_key_id, client_enabled, nudge_at)
       VALUES ($1, $2, $3, now(), 'benchmark', '00000000-0000-0000-0000-000000000001', true, now() + interval '10 seconds') RETURNING *`,
      [uuidv7(), type, properties],
    );
    res.status(202).json(rows[0]);
  });
  const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
});
