import { describe, expect, it } from 'vitest';
import { CallfsError, SETGID, STICKY, VirtualPath, type AccessAttributes, type Inode } from '@callfs/core';
import type { Identity } from './identity';
import { UnixAuthorizer } from './unix-authorizer';

const NAMES: Readonly<Record<number, string>> = { 0: 'root', 2001: 'alice', 2002: 'bob', 2003: 'carol', 3000: 'media' };
const name = (id: number) => NAMES[id] ?? String(id);
const authorizer = new UnixAuthorizer({ userName: name, groupName: name });

const user = (uid: number, groups: number[] = []): Identity => ({
  user: name(uid),
  uid,
  gid: uid,
  groups,
  umask: 0o022,
  keyId: '00000000',
});
const ROOT = user(0);
const ALICE = user(2001, [3000]);
const BOB = user(2002, [3000]);
const CAROL = user(2003);

/** alice's, in the group media: she is its owner, bob in its group, carol a stranger. */
const at = (mode: number, owner: Partial<AccessAttributes> = {}): AccessAttributes => ({ mode, uid: 2001, gid: 3000, ...owner });
const file = (mode: number, owner: Partial<AccessAttributes> = {}) => ({ ...at(mode, owner), type: 'file' }) as Inode;
const directory = (mode: number, owner: Partial<AccessAttributes> = {}) => ({ ...at(mode, owner), type: 'directory' }) as Inode;
const path = VirtualPath.fromText('/srv/a');

function outcome(call: () => unknown): 'ok' | 'refused' {
  try {
    call();
    return 'ok';
  } catch (error) {
    if (CallfsError.is(error, 'PERMISSION_DENIED')) return 'refused';
    throw error;
  }
}

function message(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof CallfsError) return error.message;
  }
  throw new Error('It was not refused.');
}

describe('A7 the nine bits', () => {
  const open = directory(0o777);
  /** Each operation on what has the mode, and the bits of the class that it takes. */
  const OPERATIONS: readonly [string, number, (identity: Identity, attributes: AccessAttributes) => void][] = [
    ['search', 1, (identity, inode) => authorizer.search(identity, [inode], path)],
    ['read', 4, (identity, inode) => authorizer.read(identity, inode, path)],
    ['overwrite', 2, (identity, inode) => authorizer.write(identity, inode, path)],
    ['list', 5, (identity, inode) => authorizer.list(identity, inode, path)],
    ['create in', 3, (identity, inode) => authorizer.create(identity, inode, path)],
    ['remove from', 3, (identity, inode) => authorizer.remove(identity, inode, file(0), path)],
    ['rename out of', 3, (identity, inode) => rename(identity, { parent: inode, directory: open })],
    ['rename into', 3, (identity, inode) => rename(identity, { parent: open, directory: inode })],
    ['rename over, in', 3, (identity, inode) => rename(identity, { parent: open, directory: inode, replaced: file(0) })],
    ['reparent', 2, (identity, inode) => authorizer.reparent(identity, inode, path)],
  ];
  const CLASSES: readonly [string, Identity, number][] = [
    ['owner', ALICE, 6],
    ['group', BOB, 3],
    ['other', CAROL, 0],
  ];

  function rename(identity: Identity, sides: { parent: AccessAttributes; directory: AccessAttributes; replaced?: Inode }): void {
    authorizer.rename(identity, { path, inode: file(0), to: path, replaced: null, ...sides });
  }

  it.each(OPERATIONS)(
    '%s needs the bits %i of the first class that applies, for every one of 512 modes',
    (_, needed, operate) => {
      for (let mode = 0; mode <= 0o777; mode++) {
        for (const [which, identity, shift] of CLASSES) {
          const expected = ((mode >> shift) & needed) === needed ? 'ok' : 'refused';
          expect([mode.toString(8), which, outcome(() => operate(identity, at(mode)))]).toEqual([
            mode.toString(8),
            which,
            expected,
          ]);
        }
        expect(outcome(() => operate(ROOT, at(mode)))).toBe('ok');
      }
    },
  );

  it('mayList says what list would', () => {
    for (let mode = 0; mode <= 0o777; mode++) {
      for (const identity of [ROOT, ALICE, BOB, CAROL]) {
        const listed = outcome(() => authorizer.list(identity, at(mode), path)) === 'ok';
        expect(authorizer.mayList(identity, at(mode))).toBe(listed);
      }
    }
  });

  it.each<[string, (identity: Identity, inode: Inode) => void]>([
    ['chmod', (identity, inode) => authorizer.chmod(identity, inode, 0o600, path)],
    ['chgrp to a group of one’s own', (identity, inode) => authorizer.chown(identity, inode, { gid: 3000 }, path)],
    ['chown to the owner it has', (identity, inode) => authorizer.chown(identity, inode, { uid: 2001 }, path)],
    ['utimes', (identity, inode) => authorizer.utimes(identity, inode, path)],
  ])('%s is for the owner and the superuser, whatever the mode', (_, operate) => {
    for (const mode of [0o000, 0o777, 0o7777]) {
      expect([ROOT, ALICE, BOB, CAROL].map((identity) => outcome(() => operate(identity, file(mode, { gid: 2001 }))))).toEqual([
        'ok',
        'ok',
        'refused',
        'refused',
      ]);
    }
  });

  it('touch is for the owner, and for others by write permission', () => {
    for (let mode = 0; mode <= 0o777; mode++) {
      expect(outcome(() => authorizer.touch(ALICE, at(mode), path))).toBe('ok');
      expect(outcome(() => authorizer.touch(BOB, at(mode), path))).toBe(mode & 0o020 ? 'ok' : 'refused');
      expect(outcome(() => authorizer.touch(CAROL, at(mode), path))).toBe(mode & 0o002 ? 'ok' : 'refused');
    }
  });
});

describe('search', () => {
  it('is needed on every directory on the way, and the first without it is named', () => {
    const chain = [directory(0o755, { uid: 0, gid: 0 }), directory(0o700), directory(0o000)];
    const call = () => authorizer.search(CAROL, chain, VirtualPath.fromText('/srv/a/x'));
    expect(message(call)).toContain('carol may not enter /srv (mode 0700, owner alice, group media)');
    expect(outcome(() => authorizer.search(ALICE, chain.slice(0, 2), VirtualPath.fromText('/srv/a/x')))).toBe('ok');
  });
});

describe('the sticky bit', () => {
  const sticky = directory(STICKY | 0o777, { uid: 2001 });

  it.each<[string, Identity, Inode, 'ok' | 'refused']>([
    ['the owner of the file', CAROL, file(0o600, { uid: 2003 }), 'ok'],
    ['the owner of the directory', ALICE, file(0o600, { uid: 2003 }), 'ok'],
    ['the superuser', ROOT, file(0o600, { uid: 2003 }), 'ok'],
    ['anybody else', BOB, file(0o666, { uid: 2003 }), 'refused'],
  ])('lets %s remove, rename and replace accordingly', (_, identity, child, expected) => {
    const open = directory(0o777);
    const common = { path, to: path, inode: child };
    expect(outcome(() => authorizer.remove(identity, sticky, child, path))).toBe(expected);
    const out = { ...common, parent: sticky, directory: open, replaced: null };
    expect(outcome(() => authorizer.rename(identity, out))).toBe(expected);
    const over = { ...common, parent: open, directory: sticky, replaced: child };
    expect(outcome(() => authorizer.rename(identity, over))).toBe(expected);
    expect(outcome(() => authorizer.create(identity, sticky, path))).toBe('ok');
  });
});

describe('chmod and chown', () => {
  it('gives setgid only to members of the group and the superuser', () => {
    const mine = (gid: number) => file(0o644, { gid });
    expect(authorizer.chmod(ALICE, mine(3000), 0o6755, path)).toBe(0o6755);
    expect(authorizer.chmod(ALICE, mine(9), 0o6755, path)).toBe(0o4755);
    expect(authorizer.chmod(ROOT, mine(9), 0o6755, path)).toBe(0o6755);
    expect(authorizer.chmod(ALICE, directory(0o755, { gid: 9 }), 0o3755, path)).toBe(0o1755);
  });

  it.each<[string, Identity, { uid?: number; gid?: number }, 'ok' | 'refused']>([
    ['the superuser gives away', ROOT, { uid: 2002, gid: 9 }, 'ok'],
    ['the owner may not give away', ALICE, { uid: 2002 }, 'refused'],
    ['the owner chooses one of her groups', ALICE, { gid: 2001 }, 'ok'],
    ['the owner keeps a group that she is in', ALICE, { uid: 2001, gid: 3000 }, 'ok'],
    ['the owner may not choose a group that she is not in', ALICE, { gid: 2002 }, 'refused'],
    ['a member of the group is not the owner', BOB, { gid: 2002 }, 'refused'],
    ['nobody takes', CAROL, { uid: 2003 }, 'refused'],
  ])('%s', (_, identity, to, expected) => {
    expect(outcome(() => authorizer.chown(identity, file(0o644), to, path))).toBe(expected);
  });

  it('lets the owner keep a group that she is not in', () => {
    expect(outcome(() => authorizer.chown(ALICE, file(0o644, { gid: 9 }), { gid: 9 }, path))).toBe('ok');
  });

  it('takes privileges off files for everybody, and leaves directories alone', () => {
    expect(authorizer.chown(ROOT, file(0o6755), { uid: 2002 }, path)).toEqual({ uid: 2002, mode: 0o755 });
    expect(authorizer.chown(ROOT, file(SETGID | 0o644), { gid: 9 }, path)).toEqual({ gid: 9 });
    expect(authorizer.chown(ALICE, file(SETGID | 0o644, { gid: 9 }), { gid: 3000 }, path)).toEqual({ gid: 3000, mode: 0o644 });
    expect(authorizer.chown(ROOT, directory(0o6755), { uid: 2002 }, path)).toEqual({ uid: 2002 });
  });
});

describe('what is new', () => {
  const plain = directory(0o755, { gid: 9 });
  const setgid = directory(SETGID | 0o775, { gid: 9 });

  it('belongs to its maker, less the umask', () => {
    const own = { uid: 2001, gid: 2001 };
    expect(authorizer.newFileAttributes(ALICE, plain)).toEqual({ mode: 0o644, ...own });
    expect(authorizer.newDirectoryAttributes({ ...ALICE, umask: 0o077 }, plain)).toEqual({ mode: 0o700, ...own });
    expect(authorizer.newSymlinkAttributes(ALICE, plain)).toEqual({ mode: 0o777, ...own });
    expect(authorizer.copiedFileAttributes({ ...ALICE, umask: 0o027 }, plain, 0o7777)).toEqual({ mode: 0o750, ...own });
  });

  it('has the group of a directory with setgid, and a directory the bit', () => {
    const inherited = { uid: 2001, gid: 9 };
    expect(authorizer.newFileAttributes(ALICE, setgid)).toEqual({ mode: 0o644, ...inherited });
    expect(authorizer.newDirectoryAttributes(ALICE, setgid)).toEqual({ mode: SETGID | 0o755, ...inherited });
    expect(authorizer.newDirectoryAttributes(ALICE, setgid, 0o700)).toEqual({ mode: SETGID | 0o700, ...inherited });
    expect(authorizer.newSymlinkAttributes(ALICE, setgid)).toEqual({ mode: 0o777, ...inherited });
    expect(authorizer.copyAttributes(ALICE, setgid)).toEqual({ ...inherited, umask: 0o022, directoryBits: SETGID });
    expect(authorizer.copyAttributes(ALICE, plain)).toEqual({ uid: 2001, gid: 2001, umask: 0o022, directoryBits: 0 });
  });

  it('has the mode that was asked for, setgid only for members', () => {
    expect(authorizer.newFileAttributes(ALICE, plain, 0o6777).mode).toBe(0o6777);
    expect(authorizer.newFileAttributes(ALICE, setgid, 0o6777).mode).toBe(0o4777);
    expect(authorizer.newFileAttributes(ROOT, setgid, 0o6777).mode).toBe(0o6777);
  });
});

describe('messages', () => {
  it.each<[string, () => void, string]>([
    [
      'another class',
      () => authorizer.create(CAROL, directory(0o755, { uid: 0, gid: 0 }), VirtualPath.fromText('/srv/x')),
      'carol may not create anything in /srv/x (mode 0755, owner root, group root): write permission is missing. ' +
        'Ask root or the superuser for chmod o+w (PATCH {"mode":"0757"}).',
    ],
    [
      'the group',
      () => authorizer.list(BOB, directory(0o700), path),
      'bob may not list /srv/a (mode 0700, owner alice, group media): read and search permission is missing. ' +
        'Ask alice or the superuser for chmod g+rx (PATCH {"mode":"0750"}).',
    ],
    [
      'the owner',
      () => authorizer.write(ALICE, file(0o444), path),
      'alice may not write to /srv/a (mode 0444, owner alice, group media): write permission is missing. ' +
        'Give it to yourself with chmod u+w (PATCH {"mode":"0644"}).',
    ],
    [
      'the sticky bit',
      () => authorizer.remove(BOB, directory(0o1777, { uid: 0, gid: 0 }), file(0o666), VirtualPath.fromText('/tmp/x')),
      'bob may not remove or rename "x" in /tmp (mode 1777, owner root, group root): the directory is sticky, so only ' +
        'its owner and the owner of "x" (alice) may. Ask alice or the superuser to do it.',
    ],
    [
      'ownership',
      () => authorizer.chmod(BOB, file(0o644), 0o666, path),
      'bob may not change the mode of /srv/a (mode 0644, owner alice, group media): only its owner and the superuser ' +
        'may. Ask alice or the superuser to do it.',
    ],
    [
      'a foreign group, a number without a name',
      () => authorizer.chown(ALICE, file(0o644), { gid: 4711 }, path),
      'alice may not change the group of /srv/a (mode 0644, owner alice, group media): alice is not in the group 4711. ' +
        'Ask the superuser to do it.',
    ],
  ])('%s', (_, call, expected) => {
    expect(message(call)).toBe(expected);
  });

  it('carry what they say as details', () => {
    expect(() => authorizer.write(CAROL, file(0o640), path)).toThrow(
      expect.objectContaining({
        details: { path: '/srv/a', mode: '0640', owner: 'alice', group: 'media', missing: 'write' },
      }),
    );
  });
});
