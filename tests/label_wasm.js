// Runs label.wasm, the example of an exported library, on files of this folder.
const {WASI} = require('node:wasi');
const fs = require('node:fs');

const wasi = new WASI({
  version: 'preview1', args: ['label', 'weights.bin', 'in.ppm', 'out.pgm'], preopens: {'.': '.'},
});
WebAssembly.instantiate(fs.readFileSync('label.wasm'), wasi.getImportObject())
    .then((made) => process.exit(wasi.start(made.instance)));
