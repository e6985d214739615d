import { StringDecoder } from 'node:string_decoder';
import { wrongAnswer } from '@callfs/storage';

/** Longer is no line of ours. */
const LINE_MAX = 1024 * 1024;

/** The objects of an answer that has one a line; `PEER_UNAVAILABLE` for what is none. */
export async function* jsonLines(body: AsyncIterable<Buffer>): AsyncGenerator<object> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_MAX) throw wrongAnswer('sends a line without an end');
    for (const line of lines) yield parsed(line);
  }
  if (rest !== '') throw wrongAnswer('ended in the middle of a line');
}

function parsed(line: string): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below.
  }
  throw wrongAnswer('sends what is no JSON object');
}
