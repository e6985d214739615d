// One user of the kernel's side: becomes that user for good, then does operations with the system calls that the API's
// requests stand for, and answers with the HTTP status that the API's contract has for what the kernel said.
// Started as root (or as root of a user namespace) with the user as JSON in its argument.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

const { uid, gid, groups, umask } = JSON.parse(process.argv[2]);
process.umask(Number.parseInt(umask, 8));
if (uid !== 0) {
  process.setgroups(groups);
  process.setgid(gid);
  process.setuid(uid);
}

const { O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants;

/** What was refused, where the system call alone does not say it. */
class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const READ_STATUS = {
  EACCES: 403,
  EPERM: 403,
  ENOENT: 404,
  ENOTDIR: 404,
  EISDIR: 400,
  ELOOP: 400,
  EINVAL: 400,
  ENOTEMPTY: 409,
  EEXIST: 409,
};
const CREATE_STATUS = { ...READ_STATUS, ENOTDIR: 409 };

/** Runs `work`, leaving the error number of a failed system call on what it throws. */
function errno(work) {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error.code === undefined) throw error;
    return error.code;
  }
}

const type = (stats) => (stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'file');
const permissions = (stats) => (stats.mode & 0o7777).toString(8).padStart(4, '0');
const size = (stats) => (stats.isDirectory() ? 0 : stats.size);
const brief = (stats) => [type(stats), permissions(stats), stats.uid, stats.gid, size(stats)].join(' ');

/** readdir(3) with what is needed to look at each entry; the search permission is asked for also when there is none. */
function entriesOf(directory) {
  const names = fs.readdirSync(directory).sort();
  fs.statSync(`${directory}/.`);
  return names.map((name) => [name, fs.lstatSync(`${directory}/${name}`)]);
}

/** `mkdir -p`; remembers what it made. A link that leads nowhere is in the way. */
function makeParents(directory, made) {
  const names = directory.split('/').filter((name) => name !== '');
  for (let depth = 1; depth <= names.length; depth++) {
    const path = `/${names.slice(0, depth).join('/')}`;
    const code = errno(() => fs.mkdirSync(path));
    if (code === undefined) made.push(path);
    else if (code !== 'EEXIST') throw new Refused(code);
    else requireDirectory(path);
  }
}

function requireDirectory(path) {
  const stats = fs.statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Refused('EEXIST');
  if (!stats.isDirectory()) throw new Refused('ENOTDIR');
}

/** Does `work`; when a parent of `path` is missing, makes the parents and does it again. All or nothing. */
function withParents(path, work, made = []) {
  try {
    return work();
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    makeParents(dirname(path), made);
    return work();
  } catch (error) {
    for (const directory of made.reverse()) fs.rmdirSync(directory);
    throw error;
  }
}

function fill(fd, body, mode) {
  fs.writeSync(fd, body);
  if (mode !== undefined) fs.fchmodSync(fd, mode);
  fs.closeSync(fd);
}

function create(path, body, mode, createMode = 0o666) {
  fill(
    withParents(path, () => fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL, createMode)),
    body,
    mode,
  );
}

/** Replaces what is there, or creates it, going through a link at the end. Whether it is new. */
function put(path, body, mode, createMode = 0o666) {
  let fd;
  try {
    fd = fs.openSync(path, mode === undefined ? O_WRONLY | O_TRUNC : O_WRONLY);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    fill(
      withParents(path, () => fs.openSync(path, O_WRONLY | O_CREAT, createMode)),
      body,
      mode,
    );
    return true;
  }
  try {
    if (mode !== undefined) fs.fchmodSync(fd, mode); // refused before anything is written
    fs.ftruncateSync(fd);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  fill(fd, body, mode);
  return false;
}

/** What `rm -r` does: an empty directory need not be readable. */
function removeTree(path) {
  if (!fs.lstatSync(path).isDirectory()) return fs.unlinkSync(path);
  try {
    for (const name of fs.readdirSync(path)) removeTree(join(path, name));
  } catch (error) {
    if (error.code === 'EACCES' && errno(() => fs.rmdirSync(path)) === undefined) return;
    throw error;
  }
  fs.rmdirSync(path);
}

/** In the order of rename(2): both parents, the source, RENAME_NOREPLACE, then rename(2) itself. */
function rename({ path, to, overwrite, createParents }) {
  const refusedAt = (call, table) => {
    const code = errno(call);
    if (code !== undefined && code !== 'ENOENT') return { status: table[code], note: code };
    return code;
  };
  const atSource = refusedAt(() => fs.statSync(`${dirname(path)}/.`), READ_STATUS);
  if (atSource === 'ENOENT') return { status: 404, note: 'no parent of the source' };
  if (atSource) return atSource;
  const atDestination = refusedAt(() => fs.statSync(`${dirname(to)}/.`), CREATE_STATUS);
  if (atDestination !== undefined && atDestination !== 'ENOENT') return atDestination;
  if (errno(() => fs.lstatSync(path)) !== undefined) return { status: 404, note: 'no source' };
  const move = () => {
    const there = fs.lstatSync(to, { throwIfNoEntry: false });
    // Onto itself, nothing is overwritten.
    if (!overwrite && there !== undefined && there.ino !== fs.lstatSync(path).ino) throw new Refused('EEXIST');
    fs.renameSync(path, to);
  };
  if (atDestination !== 'ENOENT') move();
  else if (createParents) moveIntoNewParents(path, to, move);
  else return { status: 400, note: 'no parent' };
  return { status: 200 };
}

function moveIntoNewParents(path, to, move) {
  // As rename(2) would have it, before any directory is made.
  if (isBelow(to, fs.lstatSync(path))) throw new Refused('EINVAL');
  const made = [];
  try {
    makeParents(dirname(to), made);
    move();
  } catch (error) {
    for (const directory of made.reverse()) fs.rmdirSync(directory);
    throw error;
  }
}

/** Whether the deepest directory on the way to `path` that is there is `directory` or lies below it. A link to nowhere is in the way. */
function isBelow(path, { ino, dev }) {
  let deepest = dirname(path);
  while (errno(() => fs.statSync(deepest)) === 'ENOENT') {
    if (errno(() => fs.lstatSync(deepest)) === undefined) return false;
    deepest = dirname(deepest);
  }
  for (let at = deepest, depth = 0; depth < 40; at = `${at}/..`, depth++) {
    const stats = fs.statSync(at, { throwIfNoEntry: false });
    if (stats?.ino === ino && stats.dev === dev) return true;
  }
  return false;
}

const operations = {
  post({ path, body, mode }) {
    create(path, body, mode);
    return { status: 201 };
  },
  put({ path, body, mode }) {
    return { status: put(path, body, mode) ? 201 : 200 };
  },
  get({ path }) {
    const fd = fs.openSync(path, O_RDONLY);
    const stats = fs.fstatSync(fd);
    const content = stats.isDirectory() ? undefined : fs.readFileSync(fd, 'utf8');
    fs.closeSync(fd);
    if (content !== undefined) return { status: 200, value: content };
    return {
      status: 200,
      value: entriesOf(path)
        .map(([name, entry]) => `${name} ${brief(entry)}`)
        .join('\n'),
    };
  },
  stat({ path, follow }) {
    return { status: 200, value: brief(follow ? fs.statSync(path) : fs.lstatSync(path)) };
  },
  list({ path, recursive }) {
    if (!fs.statSync(path).isDirectory()) return { status: 400, note: 'not a directory' };
    let skipped = 0;
    const walk = (directory, prefix) =>
      entriesOf(directory).flatMap(([name, stats]) => {
        const line = `${prefix}${name} ${brief(stats)}`;
        if (!recursive || !stats.isDirectory()) return [line];
        try {
          return [line, ...walk(`${directory}/${name}`, `${prefix}${name}/`)];
        } catch (error) {
          if (error.code !== 'EACCES') throw error;
          skipped++;
          return [line];
        }
      });
    const lines = walk(path, '');
    return { status: 200, value: [...lines, `skipped ${skipped}`].join('\n') };
  },
  mkdir({ path, mode }) {
    const make = () => {
      if (mode === undefined) return fs.mkdirSync(path);
      const before = process.umask(0);
      try {
        fs.mkdirSync(path, mode & 0o1777);
      } finally {
        process.umask(before);
      }
      const now = fs.lstatSync(path).mode & 0o7777;
      if ((now | mode) !== now) fs.chmodSync(path, now | mode);
    };
    const code = errno(() => withParents(path, make));
    if (code === undefined) return { status: 201 };
    if (code !== 'EEXIST') throw new Refused(code);
    requireDirectory(path);
    return { status: 200 };
  },
  remove({ path }) {
    const isDirectory = fs.lstatSync(path.replace(/\/$/, '')).isDirectory();
    // A trailing slash says that it is a directory, and a link to one is none here.
    if (!isDirectory && path.endsWith('/')) throw new Refused('ENOTDIR');
    if (isDirectory) fs.rmdirSync(path);
    else fs.unlinkSync(path);
    return { status: 204 };
  },
  /** On a likeness of the tree, which may be left half removed. */
  removeTree({ path }) {
    removeTree(path);
    return { status: 204 };
  },
  rename,
  copy({ path, to, overwrite }) {
    const source = fs.statSync(path);
    if (source.isDirectory()) return { status: 400, note: 'EISDIR' };
    const body = fs.readFileSync(path, 'utf8');
    try {
      return copyTo(to, overwrite, source, body);
    } catch (error) {
      if (error.code === 'ENOTDIR') return { status: CREATE_STATUS.ENOTDIR, note: 'ENOTDIR on the way to the copy' };
      throw error;
    }
  },
  copyTree({ path, to }) {
    const source = fs.statSync(path);
    if (!source.isDirectory()) return operations.copy({ path, to, overwrite: false });
    entriesOf(path);
    const made = [];
    try {
      if (errno(() => fs.lstatSync(to)) === 'ENOENT' && isBelow(to, source)) throw new Refused('EINVAL');
      withParents(to, () => fs.mkdirSync(to, (source.mode & 0o777) | 0o700), made);
    } catch (error) {
      if (CREATE_STATUS[error.code] === undefined) throw error;
      return { status: CREATE_STATUS[error.code], note: error.code };
    }
    // Whoever made the directories may not be able to give them their modes (chmod(2) takes setgid away): root does.
    const modes = [];
    const code = errno(() => fillLike(path, to, modes));
    return {
      status: code === undefined ? 201 : READ_STATUS[code],
      made: code === undefined ? [] : [...made, to],
      modes,
      note: code,
    };
  },
  symlink({ path, target }) {
    withParents(path, () => fs.symlinkSync(target, path));
    return { status: 201 };
  },
  chmod({ path, mode }) {
    fs.chmodSync(path, mode);
    return { status: 200 };
  },
  chown({ path, uid: owner = -1, gid: group = -1, follow }) {
    (follow ? fs.chownSync : fs.lchownSync)(path, owner, group);
    return { status: 200 };
  },
  utimes({ path, seconds }) {
    if (seconds !== 'now') {
      fs.utimesSync(path, seconds, seconds);
      return { status: 200, value: String(fs.statSync(path).mtimeMs / 1000) };
    }
    fs.statSync(path);
    try {
      // Node knows no UTIME_NOW, to which other rules apply than to a time that is named.
      execFileSync('touch', ['-c', path], { stdio: 'ignore' });
    } catch {
      throw new Refused('EACCES');
    }
    return { status: 200 };
  },

  // For the superuser, who keeps the house.

  probe({ path }) {
    create(path, '', 0o6755);
    put(path, 'x');
    const kept = (fs.statSync(path).mode & 0o6000) === 0o6000;
    fs.unlinkSync(path);
    return { status: 200, value: kept ? 'kept' : 'lost' };
  },
  begin({ directories }) {
    directories.forEach((directory) => fs.mkdirSync(directory, 0o755));
    fs.chmodSync(directories.at(-1), 0o777);
    return { status: 201 };
  },
  snapshot({ path }) {
    const found = {};
    const walk = (directory, prefix) => {
      for (const name of fs.readdirSync(directory)) {
        const at = `${directory}/${name}`;
        const stats = fs.lstatSync(at);
        const target = stats.isSymbolicLink() ? ` -> ${fs.readlinkSync(at)}` : '';
        found[`${prefix}/${name}`] = `${brief(stats)} ${stats.nlink}${target}`;
        if (stats.isDirectory()) walk(at, `${prefix}/${name}`);
      }
    };
    walk(path, '');
    return { status: 200, value: JSON.stringify(found) };
  },
  /** Makes `to` a directory like the one that `path` is in, with a tree like the one at `path` in it. */
  imitate({ path, to }) {
    const copy = (from, at) => {
      const stats = fs.lstatSync(from);
      if (stats.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(from), at);
      else if (stats.isDirectory()) {
        fs.mkdirSync(at);
        for (const name of fs.readdirSync(from)) copy(`${from}/${name}`, `${at}/${name}`);
      } else fs.writeFileSync(at, '');
      imitateOwner(stats, at);
    };
    const parent = fs.statSync(dirname(path));
    fs.mkdirSync(to);
    copy(path, `${to}/tree`);
    imitateOwner(parent, to);
    return { status: 201 };
  },
  setModes({ modes }) {
    for (const [path, mode] of modes) fs.chmodSync(path, mode);
    return { status: 200 };
  },
  discard({ paths }) {
    // By way of no link: what is removed may be what the link is in.
    for (const path of paths) fs.rmSync(join(fs.realpathSync(dirname(path)), basename(path)), { recursive: true, force: true });
    return { status: 204 };
  },
};

/** Fills the directory `to`, just made, with what `cp -r` would copy from `from`. */
function fillLike(from, to, modes) {
  const inherited = fs.statSync(to).mode & 0o7000;
  modes.push([to, inherited | (fs.statSync(from).mode & 0o777 & ~process.umask())]);
  for (const [name, stats] of entriesOf(from)) {
    const [source, copy] = [`${from}/${name}`, `${to}/${name}`];
    if (stats.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), copy);
    else if (stats.isDirectory()) {
      fs.mkdirSync(copy, (stats.mode & 0o777) | 0o700);
      fillLike(source, copy, modes);
    } else create(copy, fs.readFileSync(source, 'utf8'), undefined, stats.mode & 0o777);
  }
}

function copyTo(to, overwrite, source, body) {
  const createMode = source.mode & 0o777;
  if (!overwrite) {
    create(to, body, undefined, createMode);
    return { status: 201 };
  }
  const there = fs.statSync(to, { throwIfNoEntry: false });
  if (there?.ino === source.ino) return { status: 409, note: 'the same file' };
  return { status: put(to, body, undefined, createMode) ? 201 : 200 };
}

function imitateOwner(stats, at) {
  fs.lchownSync(at, stats.uid, stats.gid);
  if (!stats.isSymbolicLink()) fs.chmodSync(at, stats.mode & 0o7777);
}

const CREATING = new Set(['post', 'put', 'mkdir', 'rename', 'symlink']);

process.on('message', ({ kind, ...rest }) => {
  try {
    process.send(operations[kind](rest));
  } catch (error) {
    const status = (CREATING.has(kind) ? CREATE_STATUS : READ_STATUS)[error.code];
    if (status === undefined) process.send({ status: 500, note: error.stack });
    else process.send({ status, note: `${error.code} ${error.syscall ?? ''}` });
  }
});
process.on('disconnect', () => process.exit(0));
