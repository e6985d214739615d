import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ErrorResponses } from '../openapi/error-responses';

const query = (name: string, description: string, schema: object) => ApiQuery({ name, description, required: false, schema });
const header = (name: string, description: string) =>
  ApiHeader({ name, description, required: false, schema: { type: 'string' } });
const count = { type: 'integer', minimum: 0 };

export const SocketDocs = (): MethodDecorator =>
  applyDecorators(
    ApiTags('files'),
    ApiBearerAuth(),
    ApiOperation({
      summary: 'Read or replace a file over a WebSocket',
      description:
        'Without `Upgrade: websocket` this is GET of `/ws/{path}`. Binary frames of at most 64 KiB. An upload ends with the text frame ' +
        '`{"type":"end"}` (answered by `{"type":"committed","size":…,"etag":…}`) or a close with 1000; any other end changes nothing. ' +
        'A download ends with `{"type":"end","size":…,"etag":…}`. What goes wrong on the way is ' +
        '`{"type":"error","code":…,"message":…,"request_id":…}` and a close with 1008, 1009 or 1011.',
    }),
    query('mode', 'What the socket is for', { type: 'string', enum: ['download', 'upload'], default: 'download' }),
    query('offset', 'A download begins here', count),
    query('length', 'And has so many bytes', count),
    query('size', 'An upload has so many bytes', count),
    query('if_match', 'As `If-Match`', { type: 'string' }),
    query('if_none_match', 'As `If-None-Match`', { type: 'string' }),
    header('Range', 'One range of a download'),
    header('If-Match', 'As for GET and PUT'),
    header('If-None-Match', 'As for PUT; for a download 412 when the file is this'),
    header('Repr-Digest', 'sha-256 or sha-512 of an upload, checked before the commit'),
    ApiResponse({ status: 101, description: 'A WebSocket from here on' }),
    ErrorResponses(
      'INVALID_PATH',
      'ELOOP',
      'IS_A_DIRECTORY',
      'PERMISSION_DENIED',
      'FILE_NOT_FOUND',
      'PARENT_NOT_A_DIRECTORY',
      'PRECONDITION_FAILED',
      'PAYLOAD_TOO_LARGE',
      'RANGE_NOT_SATISFIABLE',
      'BACKEND_UNAVAILABLE',
      'PEER_UNAVAILABLE',
    ),
  );
