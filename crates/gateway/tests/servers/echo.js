// Tells of every request what Node sees of it, in a field of its answer.
const http = require('node:http');

// The length of bytes, and a number that follows from each of them.
function sum(bytes) {
  let sum = 0;
  for (const byte of bytes) sum = (sum * 31 + byte) % 1000000007;
  return `${bytes.length}:${sum}`;
}

const server = http.createServer({ maxHeaderSize: 65536 }, (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const target = request.url.length > 256 ? sum(Buffer.from(request.url, 'latin1')) : request.url;
    const host = request.headers.host || '-';
    response.setHeader('X-Seen', `${request.method} ${target} ${host} ${sum(Buffer.concat(parts))}`);
    response.end();
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
