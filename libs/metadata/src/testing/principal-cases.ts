import { expect, it } from 'vitest';
import type { Harness } from './metadata-store-suite';

/** Users and groups. */
export function principalCases({ open, reopen }: Harness): void {
  const root = [
    { kind: 'group', id: 0, name: 'root' },
    { kind: 'user', id: 0, name: 'root' },
  ];

  it('knows root from the start', async () => {
    expect(await (await open()).principals()).toEqual(root);
  });

  it('chooses numbers from 1000 once and keeps them', async () => {
    const store = await open();
    const wanted = [
      { kind: 'user', name: 'alice' },
      { kind: 'user', name: 'bob' },
      { kind: 'group', name: 'alice' },
    ] as const;
    const first = await store.ensurePrincipals(wanted);
    const chosen = first.filter(({ id }) => id > 0);
    expect(chosen.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(['group alice', 'user alice', 'user bob']);
    expect(Math.min(...chosen.map(({ id }) => id))).toBe(1000);
    expect(new Set(chosen.filter(({ kind }) => kind === 'user').map(({ id }) => id)).size).toBe(2);
    const again = await reopen(store);
    expect(await again.ensurePrincipals(wanted)).toEqual(first);
    expect(await again.principals()).toEqual(first);
  });

  it('takes numbers that are asked for before it chooses any', async () => {
    const store = await open();
    const all = await store.ensurePrincipals([
      { kind: 'user', name: 'chosen' },
      { kind: 'user', name: 'fixed', id: 1000 },
      { kind: 'user', name: 'nobody', id: 65_534 },
      { kind: 'user', name: 'huge', id: 4_294_967_294 },
    ]);
    const ids = new Map(all.filter(({ kind }) => kind === 'user').map(({ name, id }) => [name, id]));
    expect(ids.get('fixed')).toBe(1000);
    expect(ids.get('huge')).toBe(4_294_967_294);
    expect(ids.get('chosen')).toBeGreaterThan(1000);
    expect(ids.get('chosen')).toBeLessThan(4_294_967_294);
  });

  it('lets a user and a group have the same number and name', async () => {
    const store = await open();
    const all = await store.ensurePrincipals([
      { kind: 'user', name: 'same', id: 2000 },
      { kind: 'group', name: 'same', id: 2000 },
    ]);
    expect(all.filter(({ name }) => name === 'same')).toHaveLength(2);
  });

  it.each([
    ['a number that is taken', { kind: 'user', name: 'eve', id: 2000 }],
    ['a name that is taken', { kind: 'user', name: 'alice', id: 2001 }],
    ["root's number", { kind: 'group', name: 'wheel', id: 0 }],
  ] as const)('refuses %s, and everything asked for with it', async (_, refused) => {
    const store = await open();
    const before = await store.ensurePrincipals([{ kind: 'user', name: 'alice', id: 2000 }]);
    const ensured = store.ensurePrincipals([{ kind: 'user', name: 'innocent' }, refused]);
    await expect(ensured).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await store.principals()).toEqual(before);
  });

  it('settles many at once', async () => {
    const store = await open();
    const names = Array.from({ length: 20 }, (_, index) => `u${index % 10}`);
    await Promise.all(names.map((name) => store.ensurePrincipals([{ kind: 'user', name }])));
    const users = (await store.principals()).filter(({ kind }) => kind === 'user');
    expect(new Set(users.map(({ id }) => id)).size).toBe(11);
  });
}
