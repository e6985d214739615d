import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP, SocketAddress } from 'node:net';
import { bits, boolean, der, explicit, integer, objectId, octets, sequence, set, time, utf8 } from './der';

export interface SelfSigned {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly expires: Date;
}

const ECDSA_WITH_SHA256 = sequence(objectId('1.2.840.10045.4.3.2'));
const V3 = explicit(0, integer(Buffer.from([2])));
/** Clocks differ: valid from an hour ago. */
export const BACKDATED_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A certificate (RFC 5280, ECDSA P-256) for these host names and addresses, signed by its own key: for development. */
export function selfSignedCertificate(hosts: readonly string[], days: number, now: Date): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const expires = new Date(now.getTime() + days * DAY_MS);
  const name = distinguishedName(`CallFS development (${hosts[0] ?? 'localhost'})`);
  const toBeSigned = sequence(
    V3,
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(new Date(now.getTime() - BACKDATED_MS)), time(expires)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, extensions(hosts, publicKey)),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  return {
    certificatePem: pem('CERTIFICATE', sequence(toBeSigned, ECDSA_WITH_SHA256, bits(signature))),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    expires,
  };
}

/** Positive, at most 20 bytes, and no two alike (RFC 5280, 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function distinguishedName(commonName: string): Buffer {
  // X.520: at most 64 characters.
  return sequence(set(sequence(objectId('2.5.4.3'), utf8(commonName.slice(0, 64)))));
}

/** It is its own authority, so that it can be handed to clients as one (`curl --cacert`), and may serve TLS. */
function extensions(hosts: readonly string[], publicKey: KeyObject): Buffer {
  const critical = boolean(true);
  const keyId = createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
  return sequence(
    sequence(objectId('2.5.29.19'), critical, octets(sequence(boolean(true)))),
    // digitalSignature and keyCertSign, bits 0 and 5
    sequence(objectId('2.5.29.15'), critical, octets(bits(Buffer.from([0b1000_0100]), 2))),
    sequence(objectId('2.5.29.37'), octets(sequence(objectId('1.3.6.1.5.5.7.3.1')))),
    sequence(objectId('2.5.29.14'), octets(octets(keyId))),
    sequence(objectId('2.5.29.17'), octets(sequence(...hosts.map(alternativeName)))),
  );
}

/** GeneralName: `[2]` a DNS name, `[7]` the bytes of an address. */
function alternativeName(host: string): Buffer {
  return isIP(host) === 0 ? der(0x82, Buffer.from(host, 'ascii')) : der(0x87, addressBytes(host));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The system's own canonical form has no embedded IPv4 address but in the mapped ranges, which keep it.
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a: string, b: string, c: string, d: string) =>
      `${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`,
  );
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
