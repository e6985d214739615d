import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 16 MiB and about 50 ms for each guess. */
const COST: ScryptOptions = { N: 16_384, r: 8, p: 1 };

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** A password as it is kept: with the cost and the salt it was hashed with. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hashed = await derive(password.normalize('NFC'), salt, HASH_BYTES, COST);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('hex'), hashed.toString('hex')].join('$');
}

/** Compares in constant time. */
export async function isPassword(password: string, kept: string): Promise<boolean> {
  const [, N, r, p, salt = '', hashed = ''] = kept.split('$');
  const expected = Buffer.from(hashed, 'hex');
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const given = await derive(password.normalize('NFC'), Buffer.from(salt, 'hex'), expected.length, cost);
  return timingSafeEqual(given, expected);
}
