// Preloaded into a node (NODE_OPTIONS=--require): its clock is TEST_CLOCK_AHEAD_MS off, its monotonic one is as it was.
'use strict';
const aheadMs = Number(process.env.TEST_CLOCK_AHEAD_MS ?? 0);
const RealDate = globalThis.Date;
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + aheadMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + aheadMs;
  }
};
