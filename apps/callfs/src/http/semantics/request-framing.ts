/**
 * What makes a request ambiguous although Node's parser (llhttp 9) lets it through, in words for the caller;
 * `undefined` when it is sound. Such a request is answered 400 and its connection closed, since another reader on the
 * way may have understood it differently: more than one `Host` (RFC 9112 §3.2) or `Authorization`, of which Node shows
 * the first alone, a transfer coding other than `chunked` alone (§6.1), whose body we would store still encoded, and any
 * in HTTP/1.0, which has none (§6.1): there the body ends elsewhere.
 * `rawHeaders` and `httpVersion` are those of `IncomingMessage`.
 */
export function framingFault(rawHeaders: readonly string[], httpVersion = '1.1'): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'its version is not HTTP/1.1';
  let hosts = 0;
  let keys = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    // Lengths first: this runs for every request.
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') keys++;
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (httpVersion === '1.0') return 'HTTP/1.0 has no Transfer-Encoding';
      if (rawHeaders[i + 1]?.trim().toLowerCase() !== 'chunked') return 'the only transfer coding understood is "chunked"';
    }
  }
  if (keys > 1) return 'there is more than one Authorization header';
  if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return undefined;
  return hosts === 0 ? 'the Host header is missing' : 'there is more than one Host header';
}
