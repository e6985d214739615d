import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { writeError } from './error-response';
import { Exchange } from './exchange';

/** What a controller throws, answered through the error table. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    reply.hijack();
    writeError(Exchange.of(reply.raw), error);
  }
}
