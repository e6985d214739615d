import { Authenticator } from '@callfs/auth';
import { CallfsError } from '@callfs/core';
import { LocalLeaseStore, LockService } from '@callfs/locking';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FencedCell } from '../../../../libs/locking/src/testing/fenced-cell';
import { Gate } from '../../../../libs/locking/src/testing/gate';
import { CommitRunner, type Change, type Plan } from './commit-runner';
import { FaultPoints } from './fault-points';
import { OwnName } from './own-name';

const CALLER = { identity: { user: 'ann', uid: 1000, gid: 1000, groups: [], keyId: 'k' } as never, requestId: 'r' };

interface Numbered extends Plan {
  readonly number: number;
}

let locks: LockService;
let runner: CommitRunner;
beforeEach(() => {
  locks = new LockService(new LocalLeaseStore(), new FencedCell(), { instanceId: 'a', acquireTimeoutMs: 10_000 });
  runner = new CommitRunner(locks, new FaultPoints(undefined), new Authenticator([]), new OwnName('a'));
});
afterEach(() => locks.close());

/** Numbers its plans, and tells which one was committed; the first `refusals` commits find that something has changed. */
function change(isCompared: boolean, refusals = 0): Change<Numbered, number> & { plans: number } {
  return {
    operation: 'put',
    plans: 0,
    async plan() {
      return { lockNames: ['/x'], isCompared, number: ++this.plans };
    },
    commit: ({ number }) => {
      if (refusals-- > 0) return Promise.reject(new CallfsError('CONFLICT', 'It has changed.'));
      return Promise.resolve(number);
    },
  };
}

describe('CommitRunner', () => {
  it('commits the plan that it was made for when nobody had the lock and the commit compares it all', async () => {
    const compared = change(true);
    expect(await runner.run(CALLER, compared, await compared.plan())).toBe(1);
    expect(compared.plans).toBe(1);
  });

  it('plans again under the lock what the commit does not compare', async () => {
    const seen = change(false);
    expect(await runner.run(CALLER, seen, await seen.plan())).toBe(2);
  });

  it('plans again when the commit finds that something has changed', async () => {
    const refused = change(true, 3);
    expect(await runner.run(CALLER, refused, await refused.plan())).toBe(4);
  });

  it('plans again when it had to wait for the lock', async () => {
    const [held, release] = [new Gate(), new Gate()];
    const other = locks.withLock(
      ['/x'],
      async () => {
        held.open();
        await release.opened;
      },
      { operation: 'put', user: 'ben', requestId: 's' },
    );
    await held.opened;
    const waiting = change(true);
    const committed = runner.run(CALLER, waiting, await waiting.plan());
    expect(waiting.plans).toBe(1);
    release.open();
    await other;
    expect(await committed).toBe(2);
  });
});
