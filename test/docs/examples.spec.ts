import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT_KEY } from '../support/server';
import { useServer } from '../support/use-server';

const ROOT = resolve(__dirname, '../..');
/** What a server that was started without a configuration says of itself. */
const DOCUMENTED = { url: 'http://127.0.0.1:8443', instance: 'callfs-instance-1' };

const server = useServer({ config: { instance_discovery: { instance_id: DOCUMENTED.instance } } });

it.each(['README.md', 'docs/api.md'])('the console examples of %s print what they say', async (document) => {
  const examples = examplesOf(await readFile(join(ROOT, document), 'utf8'));
  const directory = await mkdtemp(join(tmpdir(), 'callfs-examples-'));
  try {
    expect(examples.length).toBeGreaterThan(0);
    const script = examples.map(({ command }) => `${command}\nprintf '\\n%s\\n' "$BOUNDARY"`).join('\n');
    const env = { PATH: process.env['PATH'], URL: server.url, AUTH: `Authorization: Bearer ${ROOT_KEY}`, BOUNDARY };
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: directory, env });

    const printed = stdout.replaceAll(server.url, DOCUMENTED.url).split(`\n${BOUNDARY}\n`).slice(0, -1);

    const comparable = (outputs: string[]) =>
      examples.map(({ command }, i) => ({ command, output: withoutAccidents(outputs[i] ?? '') }));
    expect(comparable(printed)).toEqual(comparable(examples.map(({ output }) => output)));
  } finally {
    await rm(directory, { recursive: true });
  }
});

const BOUNDARY = '--- end of the output of one command ---';

/** Commands (`$ …`) and what stands below each, in the order of the document. */
function examplesOf(markdown: string): { command: string; output: string }[] {
  const blocks = [...markdown.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '');
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((example) => {
        const [command = '', ...output] = example.split('\n');
        return { command, output: output.join('\n') };
      }),
  );
}

/** Times, ids and the numbers of contents differ from run to run. */
function withoutAccidents(output: string): string {
  return output
    .replaceAll('\r', '')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z/g, '<time>')
    .replace(/[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g, '<date>')
    .replace(/(?<![\w-])[\w-]{86}(?![\w-])/g, '<token>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replace(/"(id|parent)":"[0-9a-f]{8}"/g, '"$1":"<key id>"')
    .replace(/\b[0-9a-f]{32}\b/g, '<id>')
    .replace(/"[0-9a-z]+-([0-9a-f]{16})\\?"/g, '"<number>-$1"')
    .replace(/"i[0-9a-z]+-[0-9a-z]+\\?"/g, '"i<number>-<version>"')
    .replace(/"next_cursor":"[\w-]+"/g, '"next_cursor":"<opaque>"')
    .trimEnd();
}
