import { isMainThread, parentPort, type MessagePort } from 'node:worker_threads';
import { ContentSums } from '../content-sums';
import type { HasherReply, HasherRequest } from './hasher';

function serve(port: MessagePort): void {
  const open = new Map<number, ContentSums>();
  port.on('message', (request: HasherRequest | 'close') => {
    if (request === 'close') return port.close();
    const reply = handle(open, request);
    if (reply !== undefined) port.postMessage(reply);
  });
}

function handle(open: Map<number, ContentSums>, request: HasherRequest): HasherReply | undefined {
  const { id, content } = request;
  if (content === undefined) {
    open.delete(id);
    return undefined;
  }
  const sums = open.get(id) ?? new ContentSums(request.wantsDigest);
  if (request.key !== undefined) {
    open.delete(id);
    return sums.end(content, request.key);
  }
  open.set(id, sums);
  sums.add(content);
  return null;
}

if (!isMainThread && parentPort) serve(parentPort);
