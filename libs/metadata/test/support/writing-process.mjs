// Opens the metadata file it is given and makes files as fast as they are acknowledged, telling each on a line of its
// own once it is. It goes on until it is killed.
import { createRequire } from 'node:module';
import { writeSync } from 'node:fs';

const require = createRequire(import.meta.url);
const { openSqliteStore } = require('../../../../dist/libs/metadata/src/index.js');

const store = await openSqliteStore({ path: process.argv[2] });
const { inodes } = await store.resolve([]);
const directory = { names: [], steps: inodes.map(({ id, mode, uid, gid }) => ({ id, mode, uid, gid })) };
writeSync(1, 'open\n');

let next = 0;
async function writer() {
  for (;;) {
    const name = `f${next++}`;
    const data = Buffer.from(name.repeat(100));
    const content = { size: data.length, sha256: '0'.repeat(64), backend: 'localfs', instanceId: 'n', data, replicas: [] };
    await store.createFile({ directory, missing: [], name }, { mode: 0o644, uid: 0, gid: 0 }, content, null);
    writeSync(1, `${name}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, writer));
