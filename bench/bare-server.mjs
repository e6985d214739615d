/*
 * What Node gives at best: an HTTP server without keys, paths, permissions, digests, metrics or logs.
 *
 *   node bare-server.mjs sqlite FILE           PUT: the body into one row, all of a turn in one durable transaction
 *   node bare-server.mjs postgres DSN REDIS    PUT: a Redis lock, one durable upsert, the lock given back
 *   node bare-server.mjs relay PORT            GET: the answer of another server, passed on
 *
 * Prints its port.
 */
import http from 'node:http';
import Database from 'better-sqlite3';
import { Redis } from 'ioredis';
import pg from 'pg';

/** As many connections to PostgreSQL as a node of CallFS has. */
const CONNECTIONS = 10;

const modes = {
  sqlite(file) {
    const database = new Database(file);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('CREATE TABLE kept (path TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID');
    const insert = database.prepare('INSERT INTO kept VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET data = excluded.data');
    const commit = database.transaction((puts) => puts.forEach(({ path, data }) => insert.run(path, data)));
    let turn = [];
    const end = () => {
      const puts = turn;
      turn = [];
      commit(puts);
      for (const { done } of puts) done();
    };
    return receiving(
      (path, data) =>
        new Promise((done) => {
          if (turn.length === 0) setImmediate(end);
          turn.push({ path, data, done });
        }),
    );
  },

  async postgres(dsn, address) {
    const pool = new pg.Pool({ connectionString: dsn, max: CONNECTIONS });
    const [host, port] = address.split(':');
    const redis = new Redis(Number(port), host, { enableAutoPipelining: true });
    const text = 'INSERT INTO bare (path, data) VALUES ($1, $2) ON CONFLICT (path) DO UPDATE SET data = excluded.data';
    await pool.query('CREATE TABLE IF NOT EXISTS bare (path TEXT PRIMARY KEY, data BYTEA NOT NULL)');
    await pool.query('ALTER TABLE bare ALTER data SET STORAGE EXTERNAL');
    return receiving(async (path, data) => {
      const lock = `bare:${path}`;
      while ((await redis.set(lock, '1', 'PX', 30_000, 'NX')) === null);
      await pool.query({ name: 'put', text, values: [path, data] });
      await redis.del(lock);
    });
  },

  relay(port) {
    const agent = new http.Agent({ keepAlive: true });
    return ({ url, headers: { authorization } }, response) => {
      http.get({ port, path: url, headers: { authorization }, agent }, (answer) => {
        response.writeHead(answer.statusCode, { 'content-length': answer.headers['content-length'] });
        answer.pipe(response);
      });
    };
  },
};

function receiving(put) {
  return (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      await put(request.url, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
      response.writeHead(201, { 'content-length': 0 });
      response.end();
    });
  };
}

const [mode, ...settings] = process.argv.slice(2);
const server = http.createServer(await modes[mode](...settings));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
