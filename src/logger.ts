import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

/** What never reaches a log line, wherever it stands in the logged object. */
const SECRET_PATHS = ['password', 'key', 'authorization', 'clientSecret', 'passphrase'].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export interface LogOptions {
  level: string;
  /** `pretty` is for people at a terminal, `json` (one object a line) for everything else. */
  format: 'json' | 'pretty';
}

export function createLogger({ level, format }: LogOptions): Logger {
  return pino({
    level,
    base: { service: 'mailroom' },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    ...(format === 'pretty' && {
      transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,service', translateTime: 'SYS:HH:MM:ss', colorize: true } },
    }),
  });
}
