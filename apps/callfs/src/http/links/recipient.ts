import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Recipient } from '../../use-cases/links/downloads.service';
import { Exchange } from '../exchange';
import type { RemoteAddress } from '../remote-address';

/** A browser keeps the ticket in this cookie and sends it when it continues a download. */
export const TICKET_COOKIE = 'callfs-resume';

/** Who asks for a link's file, by what the request says. */
export function recipientOf(request: FastifyRequest, addresses: RemoteAddress): Recipient {
  const exchange = Exchange.of(request.raw);
  const { headers } = request;
  return {
    address: addresses.of(request.raw),
    password: passwordOf(headers),
    ticket: headerOf(headers, 'x-callfs-resume-ticket') ?? cookieOf(headers.cookie),
    requestId: exchange.requestId,
    get signal() {
      return exchange.signal;
    },
  };
}

/** The password of HTTP Basic authentication (RFC 7617), for which browsers ask, or that of a field of its own. */
function passwordOf(headers: IncomingHttpHeaders): string | undefined {
  const own = headerOf(headers, 'x-callfs-link-password');
  // Node hands a field's bytes on as Latin-1.
  if (own !== undefined) return Buffer.from(own, 'latin1').toString('utf8');
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(headers.authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon === -1 ? undefined : pair.slice(colon + 1);
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function cookieOf(cookies: string | undefined): string | undefined {
  for (const pair of (cookies ?? '').split(';')) {
    const [name = '', value] = pair.split('=');
    if (name.trim() === TICKET_COOKIE) return value?.trim();
  }
  return undefined;
}
