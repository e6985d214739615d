// node localfs-descriptors.mjs ROOT: reads and writes without a descriptor left, then again with some. Prints what came of it.
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';

const { openLocalfs } = createRequire(import.meta.url)('../../../dist/libs/storage/src/index.js');
const provider = await openLocalfs({ rootPath: process.argv[2], durability: 'full', fileOpTimeoutMs: 10_000 });
const content = Buffer.alloc(3_000_000, 5);
const keys = ['a', 'b', 'c'].map((digit) => digit.repeat(32));

async function* body() {
  yield content;
}
async function read(key) {
  const chunks = [];
  for await (const chunk of await provider.read(key)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
const outcome = (work) =>
  work.then(
    () => 'done',
    (error) => `${error.code} ${error.cause?.code}`,
  );

await provider.write(keys[0], body());
const taken = [];
try {
  for (;;) taken.push(openSync('/dev/null'));
} catch {
  // None is left.
}
const results = { read: await outcome(read(keys[0])), write: await outcome(provider.write(keys[1], body())) };
taken.forEach((fd) => closeSync(fd));
await provider.write(keys[1], body());
results.after = (await read(keys[1])).equals(content) ? 'same' : 'different';
process.stdout.write(JSON.stringify(results));
