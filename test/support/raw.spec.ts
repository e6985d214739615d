import { describe, expect, it } from 'vitest';
import { parseResponses } from './raw';

const text = (value: string) => Buffer.from(value, 'latin1');
const summary = (value: string, heads?: number[]) =>
  parseResponses(text(value), heads).map(({ status, body, complete }) => [status, body.toString(), complete]);

describe('parseResponses', () => {
  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab', [[200, 'ab', true]]],
    ['a body cut short', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab', [[200, 'ab', false]]],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n', [[200, 'abc', true]]],
    ['chunks without their end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n', [[200, 'ab', false]]],
    [
      'no body',
      'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n',
      [
        [204, '', true],
        [304, '', true],
      ],
    ],
    [
      'an interim response',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n',
      [
        [100, '', true],
        [201, '', true],
      ],
    ],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-', []],
  ])('reads %s', (_, bytes, expected) => {
    expect(summary(bytes)).toEqual(expected);
  });

  it('knows which responses answer HEAD', () => {
    const bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx';
    expect(summary(bytes, [0])).toEqual([
      [200, '', true],
      [200, 'x', true],
    ]);
  });
});
