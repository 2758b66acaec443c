// `node --import` loads this into a started Mailroom.
import { RECORD, recordAnswers } from './record.mjs';

if (process.env[RECORD]) recordAnswers(process.env[RECORD]);
