/** Whether gzip may be sent to whoever has this `Accept-Encoding` (RFC 9110 §12.5.3). Without one, what is sent is as it is. */
export function acceptsGzip(field: string | string[] | undefined): boolean {
  const weights = new Map<string, number>();
  for (const element of String(field ?? '').split(',')) {
    const [coding = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    weights.set(coding, Number(weight));
  }
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}
