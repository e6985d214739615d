const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = `(${MONTHS.join('|')})`;
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';

const IMF_FIXDATE = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`);
const RFC_850 = new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`);

/** A direct-mapped cache: formatting costs more than the rest of a small answer's headers, and times repeat. */
const SLOTS = 256;
const cachedSeconds = new Float64Array(SLOTS).fill(Number.NaN);
const cachedTexts: string[] = new Array<string>(SLOTS).fill('');

/** `Sun, 06 Nov 1994 08:49:37 GMT`, the second that `epochMs` falls in (RFC 9110 §5.6.7). */
export function formatHttpDate(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  const slot = ((second % SLOTS) + SLOTS) % SLOTS;
  if (cachedSeconds[slot] !== second) {
    cachedSeconds[slot] = second;
    cachedTexts[slot] = new Date(second * 1000).toUTCString();
  }
  return cachedTexts[slot] ?? '';
}

/** Milliseconds since the epoch from any of the three formats that RFC 9110 §5.6.7 asks for; `undefined` for anything else. */
export function parseHttpDate(text: string, nowMs = Date.now()): number | undefined {
  const imf = IMF_FIXDATE.exec(text);
  if (imf) return epochMs(Number(imf[3]), imf[2], imf[1], imf.slice(4));
  const rfc850 = RFC_850.exec(text);
  if (rfc850) return epochMs(nearestYear(Number(rfc850[3]), nowMs), rfc850[2], rfc850[1], rfc850.slice(4));
  const asctime = ASCTIME.exec(text);
  if (asctime) return epochMs(Number(asctime[6]), asctime[1], asctime[2], asctime.slice(3, 6));
  return undefined;
}

function epochMs(year: number, month: string | undefined, day: string | undefined, time: string[]): number | undefined {
  const [hour, minute, second] = time.map(Number);
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined; // 60: a leap second
  const date = new Date(0);
  date.setUTCFullYear(year, MONTHS.indexOf(month ?? ''), Number(day));
  if (date.getUTCDate() !== Number(day)) return undefined;
  return date.setUTCHours(hour, minute, second);
}

/** A two-digit year that would lie more than 50 years ahead means the past one (RFC 9110 §5.6.7). */
function nearestYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
