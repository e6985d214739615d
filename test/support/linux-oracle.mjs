// What Linux itself allows: reads steps as JSON from stdin, does each in real files as the user it names, and prints
// for each "ok" or the name of the error. Must be started as root, with the directory to work in as its argument.
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';

const operations = {
  read: (path) => fs.closeSync(fs.openSync(path, 'r')),
  overwrite: (path) => fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_TRUNC)),
  stat: (path) => fs.statSync(path),
  // A listing of the API shows the attributes of the entries as well, as `ls -l` does.
  list: (path) => fs.readdirSync(path).forEach((name) => fs.lstatSync(`${path}/${name}`)),
  create: (path) => fs.closeSync(fs.openSync(path, 'wx')),
  mkdir: (path) => fs.mkdirSync(path),
  delete: (path) => (fs.lstatSync(path).isDirectory() ? fs.rmdirSync(path) : fs.unlinkSync(path)),
  rename: (path, to) => fs.renameSync(path, to),
  chmod: (path, mode) => fs.chmodSync(path, Number.parseInt(mode, 8)),
  chown: (path, uid) => fs.chownSync(path, uid, fs.statSync(path).gid),
  chgrp: (path, gid) => fs.chownSync(path, fs.statSync(path).uid, gid),
  utimes: (path) => fs.utimesSync(path, 1, 2),
  touch: (path) => execFileSync('/usr/bin/touch', ['-c', path], { stdio: 'ignore' }),
};

const cases = JSON.parse(fs.readFileSync(0, 'utf8'));
process.chdir(process.argv[2]);
const results = cases.map(({ entries, caller, operation, args }, index) => {
  const dir = `case-${index}`;
  fs.mkdirSync(dir);
  fs.chmodSync(dir, 0o777);
  for (const { path, type, uid, gid, mode } of entries) {
    const full = `${dir}/${path}`;
    if (type === 'directory') fs.mkdirSync(full);
    else fs.writeFileSync(full, 'x');
    fs.chownSync(full, uid, gid);
  }
  // Modes last: a directory without its bits keeps nobody but root from filling it, but the order is simpler to follow.
  for (const { path, mode } of entries) fs.chmodSync(`${dir}/${path}`, Number.parseInt(mode, 8));
  process.setgroups(caller.groups);
  process.setegid(caller.gid);
  process.seteuid(caller.uid);
  process.chdir(dir);
  try {
    operations[operation](...args);
    return 'ok';
  } catch (error) {
    return error.code ?? 'EACCES';
  } finally {
    process.seteuid(0);
    process.setegid(0);
    process.setgroups([]);
    process.chdir('..');
  }
});
process.stdout.write(JSON.stringify(results));
