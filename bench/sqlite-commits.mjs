// node sqlite-commits.mjs FILE SIZE SECONDS: one row of SIZE bytes a transaction, each durable. Prints how many a second.
import Database from 'better-sqlite3';

const [file, size, seconds] = process.argv.slice(2);
const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('CREATE TABLE IF NOT EXISTS content (id INTEGER PRIMARY KEY, data BLOB NOT NULL)');
const insert = database.prepare('INSERT INTO content (data) VALUES (?)');
const data = Buffer.alloc(Number(size), 'x');
const start = performance.now();
let commits = 0;
for (; performance.now() - start < Number(seconds) * 1000; commits++) insert.run(data);
console.log(JSON.stringify({ perSecond: (commits * 1000) / (performance.now() - start) }));
