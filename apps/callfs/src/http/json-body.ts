import type { IncomingMessage } from 'node:http';
import { CallfsError } from '@callfs/core';
import { assertJsonWithin } from './json-limits';
import { announcedLength, readBody } from './request-body';

export const JSON_BODY_MAX_BYTES = 1024 * 1024;

export interface JsonBodyOptions {
  readonly maxBytes?: number;
}

/**
 * The body as a JSON value; `undefined` when it is empty. Bounded in bytes, nesting and members before anything is
 * built of it (CHECKS D2). `PAYLOAD_TOO_LARGE`, `INVALID_REQUEST`, `UNSUPPORTED_MEDIA_TYPE`, `UNSUPPORTED_ENCODING`.
 */
export async function readJsonBody(request: { readonly raw: IncomingMessage }, options: JsonBodyOptions = {}): Promise<unknown> {
  refuseOtherKinds(request.raw);
  const chunks: Buffer[] = [];
  for await (const chunk of readBody(request, options.maxBytes ?? JSON_BODY_MAX_BYTES)) chunks.push(chunk);
  const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  return bytes.length === 0 ? undefined : parseJson(bytes);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new CallfsError('INVALID_REQUEST', 'The body is not valid UTF-8.', { cause });
  }
  assertJsonWithin(text);
  try {
    return JSON.parse(text, refusePrototype) as unknown;
  } catch (cause) {
    if (cause instanceof CallfsError) throw cause;
    throw new CallfsError(
      'INVALID_REQUEST',
      'The body is not valid JSON. Names and texts are in double quotes: {"name":"b.txt"}.',
      { cause },
    );
  }
}

/** A member of this name would be harmless here and a trap for whatever merges the value later. */
function refusePrototype(name: string, value: unknown): unknown {
  if (name === '__proto__') throw new CallfsError('INVALID_REQUEST', 'The body has a member "__proto__", which is not accepted.');
  return value;
}

/** `application/json`, `…+json`, or none named; `curl -d` names a form when it is not told, so that passes as well. */
const JSON_TYPE = /^\s*application\/(json|[\w.-]+\+json|x-www-form-urlencoded)\s*(;|$)/i;

function refuseOtherKinds(request: IncomingMessage): void {
  if (announcedLength({ raw: request }) === 0) return;
  const type = request.headers['content-type'];
  if (type !== undefined && !JSON_TYPE.test(type)) {
    const next = type.startsWith('multipart/')
      ? 'A file is sent as it is and not in a form, to its own path: curl -T FILE …/v1/files/PATH'
      : 'Send it with "Content-Type: application/json"';
    throw new CallfsError('UNSUPPORTED_MEDIA_TYPE', `This request takes JSON. ${next}.`);
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new CallfsError('UNSUPPORTED_ENCODING', 'Send the body as it is, without a "Content-Encoding".');
  }
}
