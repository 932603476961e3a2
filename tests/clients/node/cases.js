// What the Node suites share: the table of cases, checks. Cases run side by side, a line of TAP each; no more than
// a dozen of those that work, since one thread has to keep the leases of all.
'use strict';

const assert = require('node:assert');
const http = require('node:http');
const path = require('node:path');

const host = process.env.PUBSUB_EMULATOR_HOST;
const cases = [];
let ids = 0;

function add(name, run, waits = false) {
  cases.push({name, run, waits});
}

function fresh(kind) {
  return `${kind}-${++ids}`;
}

function pause(ms) {
  return new Promise(resolve => setTimeout(resolve, ms));
}

async function waitFor(what, condition, seconds = 40) {
  for (const end = Date.now() + seconds * 1000; ;) {
    const got = await condition();
    if (got) {
      return got;
    }
    if (Date.now() > end) {
      throw new Error(`waited in vain for: ${what}`);
    }
    await pause(20);
  }
}

// The call fails with just this gRPC or HTTP code.
async function refused(code, what, call) {
  let got;
  try {
    got = await call();
  } catch (error) {
    const seen = error.status === undefined ? error.code : error.status;
    if (Number(seen) !== code) {
      throw new Error(`${what}: code ${code} is documented, not ${seen}: ${error.message}`);
    }
    return error;
  }
  throw new Error(`${what}: code ${code} is documented; it was accepted: ${JSON.stringify(got)}`);
}

function ask(url) {
  return new Promise((resolve, reject) => {
    http.get(url, answer => {
      let body = '';
      answer.on('data', chunk => (body += chunk));
      answer.on('end', () => resolve(body));
    }).on('error', reject);
  });
}

// By the local cloud's own count, which no client library has.
async function isEmpty(name) {
  return JSON.parse(await ask(`http://${host}/v1/${name}:backlog`)).unacked === '0';
}

function where(error) {
  const here = String(error.stack).split('\n').filter(line => line.includes(__dirname)).slice(0, 3);
  return here.map(line => path.basename(line.trim().replace(/\)$/, ''))).join(', ');
}

async function runAll() {
  console.log('TAP version 13');
  let count = 0;
  let failed = 0;
  const wanted = cases.filter(c => c.name.includes(process.env.ONLY || ''));
  let free = 12;
  await Promise.all(wanted.map(async ({name, run, waits}) => {
    while (!waits && !free) {
      await pause(10);
    }
    free -= !waits;
    let said = '';
    try {
      await run();
    } catch (error) {
      failed++;
      said = `# ${String(error.message).replace(/\n/g, ' | ').slice(0, 1500)} (${where(error)})\n`;
    }
    free += !waits;
    count++;
    console.log(`${said}${said ? 'not ok' : 'ok'} ${count} - ${name}`);
  }));
  console.log(`1..${count}`);
  process.exit(failed || !count ? 1 : 0);
}

module.exports = {add, assert, fresh, isEmpty, pause, refused, runAll, waitFor, ask};
