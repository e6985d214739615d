// node bare-scan.mjs DATABASE DIRECTORY SECONDS json|ndjson: reads the rows of a directory and makes text of them, over and over.
import Database from 'better-sqlite3';

const [file, name, seconds, format] = process.argv.slice(2);
const database = new Database(file, { readonly: true });
const directory = database.prepare('SELECT inode_id FROM dentry WHERE parent_id = 1 AND name = ?').pluck().get(name);
const scan = database.prepare(`
  SELECT d.name, i.type, i.size, i.mode, i.uid, i.gid, i.nlink, i.mtime_ns, i.atime_ns, i.ctime_ns, i.version,
    c.id AS content, c.backend, c.instance_id
  FROM dentry d CROSS JOIN inode i ON i.id = d.inode_id LEFT JOIN content c ON c.id = i.content_id
  WHERE d.parent_id = ? ORDER BY d.name`);
const start = performance.now();
let scans = 0;
let bytes = 0;
for (; scans === 0 || performance.now() - start < Number(seconds) * 1000; scans++) {
  const rows = scan.all(directory);
  const text = format === 'json' ? JSON.stringify(rows) : rows.map((row) => JSON.stringify(row)).join('\n');
  bytes += Buffer.from(text).length;
}
console.log(JSON.stringify({ perSecond: (scans * 1000) / (performance.now() - start), bytes: bytes / scans }));
