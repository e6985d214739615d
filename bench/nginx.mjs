import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended } from './child-server.mjs';
import { freePort } from './free-port.mjs';

/** nginx as it is quickest: one worker, sendfile, no log; uploads through WebDAV with large buffers. Nothing of the system's. */
export class Nginx {
  static async start(program, directory) {
    const files = join(directory, 'files');
    mkdirSync(files, { recursive: true });
    mkdirSync(join(directory, 'temporary'), { recursive: true });
    const port = await freePort();
    writeFileSync(join(directory, 'nginx.conf'), configuration(port));
    const child = spawn(program, ['-p', directory, '-c', 'nginx.conf', '-e', 'error.log'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const nginx = new Nginx(child, files, port);
    await nginx.waitForPort();
    return nginx;
  }

  constructor(child, files, port) {
    this.child = child;
    this.files = files;
    this.port = port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop() {
    await ended(this.child, 'SIGQUIT');
  }

  async waitForPort() {
    for (let tries = 0; tries < 100 && this.child.exitCode === null; tries++) {
      if (
        await fetch(this.url).then(
          () => true,
          () => false,
        )
      )
        return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('nginx did not start.');
  }
}

function configuration(port) {
  const user = process.getuid() === 0 ? 'user root;' : '';
  // Debian builds WebDAV in or brings it as a module, by version.
  const module = '/usr/lib/nginx/modules/ngx_http_dav_module.so';
  return `${existsSync(module) ? `load_module ${module};` : ''}
${user} daemon off; master_process on; worker_processes 1; pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 600s;
  open_file_cache off; default_type application/octet-stream;
  client_body_temp_path temporary; client_max_body_size 0; client_body_buffer_size 1m;
  proxy_temp_path temporary; fastcgi_temp_path temporary; uwsgi_temp_path temporary; scgi_temp_path temporary;
  server {
    listen 127.0.0.1:${port} reuseport backlog=1024;
    root files;
    location / { dav_methods PUT; create_full_put_path on; }
  }
}
`;
}
