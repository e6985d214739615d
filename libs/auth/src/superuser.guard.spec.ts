import type { ExecutionContext } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import type { Identity } from './identity';
import { SuperuserGuard } from './superuser.guard';

const identity = (uid: number, groups: number[] = []): Identity => ({
  user: `user${uid}`,
  uid,
  gid: uid,
  groups,
  umask: 0o022,
  keyId: '00000000',
});
const request = (value: unknown) => ({ switchToHttp: () => ({ getRequest: () => value }) }) as unknown as ExecutionContext;

describe('SuperuserGuard', () => {
  const guard = new SuperuserGuard();

  it('lets the superuser pass', () => {
    expect(guard.canActivate(request({ identity: identity(0) }))).toBe(true);
  });

  it.each<[string, unknown]>([
    ['an ordinary user', { identity: identity(2001) }],
    ['a member of the group 0', { identity: identity(2001, [0]) }],
    ['a request without an identity', {}],
    ['a request whose identity is null', { identity: null }],
    ['an identity that the body claims', { body: { identity: identity(0) }, headers: { identity: 'root' } }],
  ])('refuses %s', (_, value) => {
    expect(() => guard.canActivate(request(value))).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }));
  });
});
