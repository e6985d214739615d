// Trees of any size, written straight into the metadata of a node that is not running: a million names in seconds.
import Database from 'better-sqlite3';

const ROOT = 1;

/** Opens the metadata of a stopped node; `close` when all is made. */
export class Filler {
  constructor(file) {
    this.database = new Database(file);
    this.database.pragma('synchronous = OFF');
  }

  /** A directory; its number. */
  directory(name, parent = ROOT) {
    const now = this.now();
    const { lastInsertRowid } = this.run(
      `INSERT INTO inode (type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version)
       VALUES ('directory', 493, 0, 0, 0, 2, ?, ?, ?, 1)`,
      now,
      now,
      now,
    );
    this.run('INSERT INTO dentry (parent_id, name, inode_id) VALUES (?, ?, ?)', parent, name, lastInsertRowid);
    this.run('UPDATE inode SET nlink = nlink + 1, version = version + 1 WHERE id = ?', parent);
    this.count('directories', 1);
    return Number(lastInsertRowid);
  }

  /** Directories inside each other; the number of the last. */
  chain(names, parent = ROOT) {
    return names.reduce((above, name) => this.directory(name, above), parent);
  }

  /** So many files of one byte, named by their number as printf(3) writes it. */
  files(directory, count, name = 'f%07d') {
    const now = this.now();
    const first = this.next('content');
    const inode = this.next('inode');
    const numbers = 'WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)';
    this.run(
      `${numbers} INSERT INTO content (id, kind, size, sha256, refs, backend, instance_id, data)
       SELECT ? + i, 'inline', 1, '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', 1, 'localfs', 'callfs-instance-1', x'78' FROM n`,
      count,
      first,
    );
    this.run(
      `${numbers} INSERT INTO inode (id, type, mode, uid, gid, size, nlink, atime_ns, mtime_ns, ctime_ns, version, content_id)
       SELECT ? + i, 'file', 420, 0, 0, 1, 1, ?, ?, ?, 1, ? + i FROM n`,
      count,
      inode,
      now,
      now,
      now,
      first,
    );
    this.run(
      `${numbers} INSERT INTO dentry (parent_id, name, inode_id) SELECT ?, printf(?, i), ? + i FROM n`,
      count,
      directory,
      name,
      inode,
    );
    this.count('files', count);
    this.count('inline_bytes', count);
  }

  close() {
    this.database.pragma('wal_checkpoint(TRUNCATE)');
    this.database.close();
  }

  now() {
    return BigInt(Date.now()) * 1_000_000n;
  }

  next(table) {
    return this.database.prepare(`SELECT coalesce(max(id), 0) + 1 FROM ${table}`).pluck().get();
  }

  count(name, amount) {
    this.run('UPDATE statistic SET value = value + ? WHERE name = ?', amount, name);
  }

  run(sql, ...parameters) {
    return this.database.prepare(sql).run(...parameters);
  }
}
