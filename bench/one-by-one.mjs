import http from 'node:http';
import { KEY } from './callfs.mjs';

/** A client with one connection, which asks for one thing after the other. */
export class OneByOne {
  constructor(port) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.port = port;
  }

  /** Milliseconds that the answer took. */
  async time(method, path, body, headers = {}) {
    const start = performance.now();
    await this.ask(method, path, body, headers);
    return performance.now() - start;
  }

  /** The text of a success; everything else is an error. */
  ask(method, path, body, headers = {}) {
    return new Promise((resolve, reject) => {
      const options = { port: this.port, host: '127.0.0.1', method, path, agent: this.agent };
      const request = http.request({ ...options, headers: { Authorization: `Bearer ${KEY}`, ...headers } }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode < 300) resolve(text);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 200)}`));
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  close() {
    this.agent.destroy();
  }
}
