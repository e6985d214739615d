// A process of its own with a provider: node localfs-child.mjs ROOT STEP KEY SIZE. Prints READY at the step and waits to be killed.
import { createRequire } from 'node:module';

const { openLocalfs } = createRequire(import.meta.url)('../../../dist/libs/storage/src/index.js');
const [root, step, key, size] = process.argv.slice(2);

const provider = await openLocalfs({ rootPath: root, durability: 'full', fileOpTimeoutMs: 10_000 });

async function* body() {
  for (let sent = 0; sent < Number(size); sent += 65_536) yield Buffer.alloc(Math.min(65_536, Number(size) - sent), 7);
  if (step === 'staged') await pause();
}

async function pause() {
  process.stdout.write('READY\n');
  await new Promise((resolve) => process.stdin.once('end', resolve).resume());
}

if (step !== 'open') await provider.write(key, body());
if (step === 'settled') await provider.settle(key);
if (step !== 'exit') await pause();
