// AWS SDK for JavaScript v3: default checksums, streams, lib-storage in parts, presigned URLs, errors, listings.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteObjectCommand, DeleteObjectsCommand, GetObjectCommand,
  HeadObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client, paginateListObjectsV2, waitUntilBucketExists,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const MIB = 1 << 20;
const itself = new URL("node_modules/@aws-sdk/client-s3/package.json", import.meta.url);
console.log(`# AWS SDK for JavaScript ${JSON.parse(readFileSync(itself)).version}, Node ${process.version}`);
let failed = false;

function ok(good, what) {
  failed ||= !good;
  console.log(`${good ? "ok" : "not ok"} ${what}`);
}

async function group(what, run) {
  try {
    await run();
  } catch (e) {
    console.log(`# ${what}: ${e.name}: ${String(e.message).slice(0, 500).replaceAll("\n", " ")}`);
    ok(false, `${what} (stopped by ${e.name})`);
  }
}

async function bytes(answer) {
  return Buffer.from(await answer.Body.transformToByteArray());
}

async function refused(what, name, promise) {
  try {
    await promise;
    ok(false, `${what} is refused`);
  } catch (e) {
    if (e.name !== name) console.log(`# ${what}: got ${e.name}: ${e.message}`);
    ok(e.name === name, `${what}: ${name}`);
  }
}

function client(endpoint) {
  const sent = [];
  const s3 = new S3Client({ endpoint, region: process.env.AWS_DEFAULT_REGION, forcePathStyle: true, maxAttempts: 1 });
  s3.middlewareStack.add((next) => async (args) => {
    sent.push(Object.fromEntries(Object.entries(args.request.headers).map(([k, v]) => [k.toLowerCase(), v])));
    return next(args);
  }, { step: "finalizeRequest", priority: "low", name: "noteHeaders" });
  return { s3, sent };
}

// A stream that tells no length.
function* pieces(body) {
  for (let i = 0; i < body.length; i += 70001) yield body.subarray(i, i + 70001);
}

async function objects(name, s3, sent, Bucket) {
  const body = randomBytes(3 * MIB + 5);
  await s3.send(new PutObjectCommand({ Bucket, Key: "bytes", Body: body, ContentType: "x/y", Metadata: { a: "b c" } }));
  ok(sent.at(-1)["x-amz-checksum-crc32"] !== undefined, `${name}: bytes went with a CRC32`);
  let got = await s3.send(new GetObjectCommand({ Bucket, Key: "bytes" }));
  ok((await bytes(got)).equals(body) && got.ContentType === "x/y" && got.Metadata.a === "b c" && !!got.ChecksumCRC32,
    `${name}: bytes came back, checked by the client`);
  await s3.send(new PutObjectCommand({
    Bucket, Key: "stream", Body: Readable.from(pieces(body)), ContentLength: body.length,
  }));
  console.log(`# ${name}: a stream went as ${sent.at(-1)["x-amz-content-sha256"]}`);
  got = await s3.send(new GetObjectCommand({ Bucket, Key: "stream" }));
  ok((await bytes(got)).equals(body) && !(got.ContentEncoding ?? "").includes("aws-chunked"), `${name}: a stream came back`);
  for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const put = await s3.send(new PutObjectCommand({ Bucket, Key: algorithm, Body: body, ChecksumAlgorithm: algorithm }));
    got = await s3.send(new GetObjectCommand({ Bucket, Key: algorithm, ChecksumMode: "ENABLED" }));
    const field = `Checksum${algorithm}`;
    ok((await bytes(got)).equals(body) && !!put[field] && put[field] === got[field], `${name}: ${algorithm}`);
  }
  await s3.send(new PutObjectCommand({ Bucket, Key: "empty", Body: "" }));
  ok((await bytes(await s3.send(new GetObjectCommand({ Bucket, Key: "empty" })))).length === 0, `${name}: empty`);
  const part = await s3.send(new GetObjectCommand({ Bucket, Key: "bytes", Range: "bytes=-10" }));
  ok((await bytes(part)).equals(body.subarray(-10)) && part.ChecksumCRC32 === undefined, `${name}: a suffix range`);
  const aes = await s3.send(new PutObjectCommand({ Bucket, Key: "aes", Body: "x", ServerSideEncryption: "AES256" }));
  ok(aes.ETag === `"${createHash("md5").update("x").digest("hex")}"`, `${name}: AES256 gives the MD5 as ETag`);
}

async function storage(name, s3, Bucket) {
  for (const [what, size] of [["small", 1000], ["large", 17 * MIB + 3]]) {
    const body = randomBytes(size);
    const upload = new Upload({
      client: s3, params: { Bucket, Key: what, Body: Readable.from(pieces(body)) }, partSize: 5 * MIB, queueSize: 4,
    });
    await upload.done();
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: what }));
    const got = await bytes(await s3.send(new GetObjectCommand({ Bucket, Key: what })));
    ok(head.ContentLength === size && got.equals(body), `${name}: lib-storage of a ${what} stream without length`);
  }
  await s3.send(new CopyObjectCommand({ Bucket, Key: "copy é", CopySource: encodeURI(`${Bucket}/large`) }));
  ok((await s3.send(new HeadObjectCommand({ Bucket, Key: "copy é" }))).ContentLength === 17 * MIB + 3, `${name}: copy`);
}

async function names(name, s3, Bucket) {
  const keys = ["a b", "a+b", "%41", "x//y", "é\u{1f600}", "d/", "(!*')", "q?a=b&c#d", "..", "back\\slash", "<&\">"];
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  let same = true;
  for (const Key of keys) same &&= (await bytes(await s3.send(new GetObjectCommand({ Bucket, Key })))).toString() === Key;
  ok(same, `${name}: odd keys come back`);
  const listed = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket })) {
    listed.push(...(page.Contents ?? []).map((c) => c.Key));
  }
  const order = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
  if (listed.join("|") !== order.join("|")) console.log(`# got ${listed.join("|")}`);
  ok(listed.join("|") === order.join("|"), `${name}: odd keys are listed in order, in pages of 3`);
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
  ok(gone.Deleted.length === keys.length && !gone.Errors, `${name}: DeleteObjects`);
}

async function errors(name, s3, Bucket) {
  await refused(`${name}: a missing key`, "NoSuchKey", s3.send(new GetObjectCommand({ Bucket, Key: "none" })));
  await refused(`${name}: a missing bucket`, "NoSuchBucket", s3.send(new GetObjectCommand({ Bucket: "none-" + Bucket, Key: "x" })));
  await refused(`${name}: HEAD of a missing key`, "NotFound", s3.send(new HeadObjectCommand({ Bucket, Key: "none" })));
  await s3.send(new PutObjectCommand({ Bucket, Key: "once", Body: "1", IfNoneMatch: "*" }));
  await refused(`${name}: IfNoneMatch`, "PreconditionFailed",
    s3.send(new PutObjectCommand({ Bucket, Key: "once", Body: "1", IfNoneMatch: "*" })));
  await refused(`${name}: a wrong checksum`, "BadDigest",
    s3.send(new PutObjectCommand({ Bucket, Key: "bad", Body: "1", ChecksumCRC32: "AAAAAA==" })));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "never was" }));
  ok(true, `${name}: deleting what is not there`);
}

async function presigned(name, s3, Bucket) {
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "pre é" }), { expiresIn: 60 });
  ok((await fetch(put, { method: "PUT", body: "by url" })).status === 200, `${name}: presigned PUT by fetch`);
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "pre é" }), { expiresIn: 60 });
  ok((await (await fetch(get)).text()) === "by url", `${name}: presigned GET by fetch`);
}

for (const endpoint of [process.env.INTEROP_HTTP, process.env.INTEROP_HTTPS]) {
  const name = endpoint.split(":")[0];
  const { s3, sent } = client(endpoint);
  const Bucket = `node-${name}`;
  await group(`${name}: buckets`, async () => {
    for (const b of [Bucket, `${Bucket}-names`]) {
      await s3.send(new CreateBucketCommand({ Bucket: b }));
      await waitUntilBucketExists({ client: s3, maxWaitTime: 20 }, { Bucket: b });
    }
    const all = await s3.send(new ListBucketsCommand({}));
    ok(all.Buckets.some((b) => b.Name === Bucket && b.CreationDate instanceof Date), `${name}: ListBuckets`);
  });
  await group(`${name}: objects`, () => objects(name, s3, sent, Bucket));
  await group(`${name}: lib-storage`, () => storage(name, s3, Bucket));
  await group(`${name}: names`, () => names(name, s3, `${Bucket}-names`));
  await group(`${name}: errors`, () => errors(name, s3, Bucket));
  await group(`${name}: presigned`, () => presigned(name, s3, Bucket));
}
process.exit(failed ? 1 : 0);
