const SECURITY = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
  ['Permissions-Policy', 'accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Embedder-Policy', 'require-corp'],
];
const TRANSPORT_SECURITY = ['Strict-Transport-Security', 'max-age=31536000'];
const API_POLICY = ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"];
/** For bytes that users stored: whatever they are, a browser runs none of it (CHECKS B1). */
const FILE_POLICY = ['Content-Security-Policy', "sandbox; default-src 'none'"];

/** The header fields that every answer carries, names and values in turn as `writeHead` takes them. */
export interface AnswerHeads {
  readonly api: readonly string[];
  /** For answers whose body a user stored. */
  readonly file: readonly string[];
  /** The same as the lines of a head. */
  readonly apiLines: string;
  readonly fileLines: string;
}

const PLAIN = headsWith([]);
const TLS = headsWith([TRANSPORT_SECURITY]);

/** Made once: an answer costs no decisions. `Strict-Transport-Security` belongs to TLS alone (RFC 6797 §7.2). */
export function answerHeads(overTls: boolean): AnswerHeads {
  return overTls ? TLS : PLAIN;
}

function headsWith(others: readonly string[][]): AnswerHeads {
  const [api, file] = [API_POLICY, FILE_POLICY].map((policy) => [...SECURITY, policy, ...others]) as [string[][], string[][]];
  const linesOf = (fields: string[][]) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return { api: api.flat(), file: file.flat(), apiLines: linesOf(api), fileLines: linesOf(file) };
}
