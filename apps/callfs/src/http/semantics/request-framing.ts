/**
 * What makes a request ambiguous although Node's parser (llhttp 9) lets it through, in words for the caller;
 * `undefined` when it is sound. Such a request is answered 400 and its connection closed, since another reader on the
 * way may have understood it differently: more than one `Host` (RFC 9112 §3.2), and a transfer coding other than
 * `chunked` alone (§6.1), whose body we would store still encoded. `rawHeaders` is `IncomingMessage.rawHeaders`.
 */
export function framingFault(rawHeaders: readonly string[], isHttp10 = false): string | undefined {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    // Lengths first: this runs for every request.
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (rawHeaders[i + 1]?.trim().toLowerCase() !== 'chunked') return 'the only transfer coding understood is "chunked"';
    }
  }
  if (hosts === 1 || (hosts === 0 && isHttp10)) return undefined;
  return hosts === 0 ? 'the Host header is missing' : 'there is more than one Host header';
}
