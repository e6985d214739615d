import { Agent as HttpAgent, request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandFailure, EXIT } from '../exit-codes';
import type { ServerAddress } from '../server-address';

/** Silence for this long is as good as no server. */
const IDLE_MS = 60_000;
const CONNECT_MS = 5_000;
/** From this size on a body waits for the server's word that it is wanted. */
const ASK_FIRST_BYTES = 64 * 1024;

export interface OutgoingRequest {
  readonly method: string;
  /** The path with its query, encoded. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** A stream is sent with `size` when that is known, in chunks otherwise. */
  readonly body?: Buffer | { readonly stream: Readable; readonly size?: number };
}

/**
 * The connections of one command to its server, kept between requests. Bodies go and come as streams; what comes back is
 * the head of the answer, whatever its status. A server that cannot be reached fails the command with 4.
 */
export class Exchanges {
  private readonly agent: HttpAgent | HttpsAgent;
  private readonly isTls: boolean;

  constructor(private readonly server: ServerAddress) {
    const { url, certificate } = server;
    this.isTls = url.startsWith('https:');
    // The certificate is the very one that the server has been given: neither its issuer nor its names matter.
    const trust =
      certificate === undefined ? {} : { ca: certificate, allowPartialTrustChain: true, checkServerIdentity: () => undefined };
    this.agent = this.isTls ? new HttpsAgent({ keepAlive: true, ...trust }) : new HttpAgent({ keepAlive: true });
  }

  get url(): string {
    return this.server.url;
  }

  send({ method, target, headers = {}, body }: OutgoingRequest): Promise<IncomingMessage> {
    const { size, asks } = framing(body);
    const options: RequestOptions = {
      method,
      agent: this.agent,
      headers: {
        authorization: `Bearer ${this.server.apiKey}`,
        ...headers,
        ...(size !== undefined && { 'content-length': size }),
        ...(asks && { expect: '100-continue' }),
      },
    };
    return new Promise((resolve, reject) => {
      let answered = false;
      const fail = (error: Error) => {
        // A server that refuses a body in its middle has answered, and then closes under what is still being sent.
        if (!answered) reject(this.unreachable(error));
      };
      const take = (answer: IncomingMessage) => {
        answered = true;
        resolve(answer);
      };
      const outgoing = this.isTls
        ? requestHttps(this.url + target, options, take)
        : requestHttp(this.url + target, options, take);
      const connecting = setTimeout(() => outgoing.destroy(new Error(`no connection within ${CONNECT_MS / 1000} s`)), CONNECT_MS);
      outgoing.once('socket', (socket) => {
        // One that is used again has long been connected: a listener would stay on it, and so for each of its requests.
        if (!socket.connecting) clearTimeout(connecting);
        else socket.once(this.isTls ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
      });
      outgoing.setTimeout(IDLE_MS, () => outgoing.destroy(new Error(`no answer within ${IDLE_MS / 1000} s`)));
      outgoing.on('error', fail);
      outgoing.once('close', () => clearTimeout(connecting));
      if (body === undefined || Buffer.isBuffer(body)) {
        outgoing.end(body);
        return;
      }
      const sending = () =>
        pipeline(body.stream, outgoing).catch((error: Error) => {
          // The source failed, and not the connection: nobody else would say so.
          if (!answered) reject(body.stream.errored ?? this.unreachable(error));
        });
      if (asks) outgoing.once('continue', () => void sending());
      else void sending();
    });
  }

  /** Nothing more is asked; connections that are kept are closed. */
  close(): void {
    this.agent.destroy();
  }

  private unreachable(error: Error): CommandFailure {
    const { code } = error as NodeJS.ErrnoException;
    if (this.isTls && code === 'EPROTO' && /wrong version number|packet length too long/.test(error.message)) {
      const plain = this.url.replace('https:', 'http:');
      const message = `${this.url} does not speak HTTPS. If it is meant to speak plain HTTP, its address is ${plain}.`;
      return new CommandFailure(message, EXIT.unreachable, { cause: error });
    }
    const isCertificate = code !== undefined && /CERT|SIGNATURE|ALTNAME|ERR_TLS/.test(code);
    const hint = isCertificate ? 'Trust its certificate with NODE_EXTRA_CA_CERTS=FILE.' : 'Is the server running?';
    const why = error.message.replace(/\.$/, '') || code;
    return new CommandFailure(`cannot reach ${this.url}: ${why}. ${hint}`, EXIT.unreachable, { cause: error });
  }
}

function framing(body: OutgoingRequest['body']): { size?: number; asks: boolean } {
  if (body === undefined) return { asks: false };
  if (Buffer.isBuffer(body)) return { size: body.length, asks: false };
  return { size: body.size, asks: body.size === undefined || body.size >= ASK_FIRST_BYTES };
}
