// minio-go: signed trailers over clear text, unsigned ones over TLS, its own multipart, conditions, listings.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"time"

	minio "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

const mib = 1 << 20

var failed bool

func ok(good bool, what string, err error) bool {
	if err != nil {
		fmt.Printf("# %s: %v\n", what, err)
	}
	if !good || err != nil {
		failed = true
		fmt.Println("not ok", what)
		return false
	}
	fmt.Println("ok", what)
	return true
}

func data(size int, seed int64) []byte {
	b := make([]byte, size)
	rand.New(rand.NewSource(seed + int64(size))).Read(b)
	return b
}

// wire notes how the last body went out.
type wire struct {
	inner http.RoundTripper
	mu    sync.Mutex
	forms map[string]int
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		w.mu.Lock()
		w.forms[r.Header.Get("X-Amz-Content-Sha256")]++
		w.mu.Unlock()
	}
	return w.inner.RoundTrip(r)
}

func (w *wire) seen(form string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.forms[form] > 0
}

func roots() *x509.CertPool {
	pem, err := os.ReadFile(os.Getenv("INTEROP_CA"))
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

func connect(address string, trailing bool) (*minio.Client, *wire, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	t, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, nil, err
	}
	if u.Scheme == "https" {
		t.TLSClientConfig = &tls.Config{RootCAs: roots(), MinVersion: tls.VersionTLS12}
	}
	w := &wire{inner: t, forms: map[string]int{}}
	c, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Secure: u.Scheme == "https", Transport: w, TrailingHeaders: trailing, BucketLookup: minio.BucketLookupPath,
		MaxRetries: 1,
	})
	return c, w, err
}

func get(ctx context.Context, c *minio.Client, bucket, key string, o minio.GetObjectOptions) ([]byte, error) {
	r, err := c.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func bodies(ctx context.Context, c *minio.Client, bucket, name string) {
	for _, size := range []int{0, 1, 65536, 3*mib + 7, 16 * mib, 37*mib + 11} {
		body := data(size, 1)
		for _, known := range []bool{true, false} {
			n, what := int64(size), fmt.Sprintf("%s: PutObject of %d bytes", name, size)
			if !known {
				n, what = -1, what+", length not told"
			}
			o := minio.PutObjectOptions{ContentType: "application/x-test", UserMetadata: map[string]string{"Tag": "v 1"},
				PartSize: 16 * mib}
			info, err := c.PutObject(ctx, bucket, "body", io.MultiReader(bytes.NewReader(body)), n, o)
			if !ok(err == nil && info.Size == int64(size), what, err) {
				continue
			}
			got, err := get(ctx, c, bucket, "body", minio.GetObjectOptions{})
			ok(bytes.Equal(got, body), what+": came back", err)
			st, err := c.StatObject(ctx, bucket, "body", minio.StatObjectOptions{Checksum: true})
			ok(st.Size == int64(size) && st.ETag == info.ETag && st.UserMetadata["Tag"] == "v 1" &&
				st.ContentType == "application/x-test", what+": stat agrees", err)
		}
	}
}

func checksums(ctx context.Context, c *minio.Client, bucket, name string) {
	kinds := []minio.ChecksumType{minio.ChecksumCRC32, minio.ChecksumCRC32C, minio.ChecksumSHA1, minio.ChecksumSHA256,
		minio.ChecksumCRC64NVME, minio.ChecksumFullObjectCRC32, minio.ChecksumFullObjectCRC32C}
	for _, kind := range kinds {
		for _, size := range []int{70001, 11 * mib} {
			body := data(size, 2)
			what := fmt.Sprintf("%s: checksum %s of %d bytes", name, kind.String(), size)
			_, err := c.PutObject(ctx, bucket, "sum", bytes.NewReader(body), int64(size),
				minio.PutObjectOptions{Checksum: kind, PartSize: 5 * mib})
			if !ok(err == nil, what, err) {
				continue
			}
			st, err := c.StatObject(ctx, bucket, "sum", minio.StatObjectOptions{Checksum: true})
			said := map[string]string{"CRC32": st.ChecksumCRC32, "CRC32C": st.ChecksumCRC32C, "SHA1": st.ChecksumSHA1,
				"SHA256": st.ChecksumSHA256, "CRC64NVME": st.ChecksumCRC64NVME}[kind.Base().String()]
			parted := strings.Contains(said, "-")
			full := kind.FullObjectRequested() || kind == minio.ChecksumCRC64NVME
			ok(said != "" && parted == (size > 5*mib && !full), what+": told as "+said, err)
			got, err := get(ctx, c, bucket, "sum", minio.GetObjectOptions{Checksum: true})
			ok(bytes.Equal(got, body), what+": came back", err)
		}
	}
}

func reads(ctx context.Context, c *minio.Client, bucket, name string) {
	body := data(300000, 3)
	_, err := c.PutObject(ctx, bucket, "r", bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
	ok(err == nil, name+": an object to read", err)
	o := minio.GetObjectOptions{}
	if err := o.SetRange(65530, 65545); err == nil {
		got, err := get(ctx, c, bucket, "r", o)
		ok(bytes.Equal(got, body[65530:65546]), name+": a range across a segment", err)
	}
	r, err := c.GetObject(ctx, bucket, "r", minio.GetObjectOptions{})
	ok(err == nil, name+": open", err)
	b := make([]byte, 100)
	_, err = r.ReadAt(b, 200000)
	ok(bytes.Equal(b, body[200000:200100]), name+": ReadAt", err)
	_, err = r.Seek(-50, io.SeekEnd)
	ok(err == nil, name+": Seek from the end", err)
	tail, err := io.ReadAll(r)
	ok(bytes.Equal(tail, body[len(body)-50:]), name+": and read on", err)
	r.Close()
	_, err = c.StatObject(ctx, bucket, "nothing", minio.StatObjectOptions{})
	ok(minio.ToErrorResponse(err).Code == "NoSuchKey", name+": stat of a missing key", nil)
	_, err = c.StatObject(ctx, bucket+"-none", "nothing", minio.StatObjectOptions{})
	ok(minio.ToErrorResponse(err).StatusCode == 404, name+": stat in a missing bucket", nil)
}

func listings(ctx context.Context, c *minio.Client, bucket, name string) {
	var want []string
	for i := 0; i < 25; i++ {
		key := fmt.Sprintf("list/%02d/é +%%%d", i%5, i)
		want = append(want, key)
		_, err := c.PutObject(ctx, bucket, key, strings.NewReader(key), int64(len(key)), minio.PutObjectOptions{})
		if err != nil {
			ok(false, name+": put "+key, err)
			return
		}
	}
	sort.Strings(want)
	for _, v1 := range []bool{false, true} {
		var got []string
		for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "list/", Recursive: true, MaxKeys: 7, UseV1: v1}) {
			if o.Err != nil {
				ok(false, name+": list", o.Err)
				return
			}
			got = append(got, o.Key)
		}
		ok(strings.Join(got, "|") == strings.Join(want, "|"), fmt.Sprintf("%s: list in pages of 7, version 1 %v", name, v1), nil)
	}
	n := 0
	for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "list/"}) {
		if o.Err == nil && strings.HasSuffix(o.Key, "/") {
			n++
		}
	}
	ok(n == 5, name+": common prefixes", nil)
	objects := make(chan minio.ObjectInfo, len(want))
	for _, k := range want {
		objects <- minio.ObjectInfo{Key: k}
	}
	close(objects)
	var first error
	for e := range c.RemoveObjects(ctx, bucket, objects, minio.RemoveObjectsOptions{}) {
		first = e.Err
	}
	ok(first == nil, name+": RemoveObjects", first)
	n = 0
	for range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: "list/", Recursive: true}) {
		n++
	}
	ok(n == 0, name+": they are gone", nil)
}

func copies(ctx context.Context, c *minio.Client, bucket, name string) {
	body := data(6*mib+1, 4)
	for _, key := range []string{"src 1+é", "src2"} {
		_, err := c.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
		ok(err == nil, name+": a source", err)
	}
	_, err := c.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "dst"}, minio.CopySrcOptions{Bucket: bucket, Object: "src 1+é"})
	ok(err == nil, name+": CopyObject", err)
	_, err = c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: bucket, Object: "src 1+é"}, minio.CopySrcOptions{Bucket: bucket, Object: "src2", MatchRange: true, Start: 3, End: 99})
	ok(err == nil, name+": ComposeObject of an object and a range", err)
	got, err := get(ctx, c, bucket, "composed", minio.GetObjectOptions{})
	ok(bytes.Equal(got, append(append([]byte{}, body...), body[3:100]...)), name+": composed bytes", err)
}

func conditions(ctx context.Context, c *minio.Client, bucket, name string) {
	o := minio.PutObjectOptions{}
	o.SetMatchETagExcept("*")
	_, err := c.PutObject(ctx, bucket, "once", strings.NewReader("1"), 1, o)
	ok(err == nil, name+": If-None-Match *", err)
	_, err = c.PutObject(ctx, bucket, "once", strings.NewReader("2"), 1, o)
	ok(minio.ToErrorResponse(err).Code == "PreconditionFailed", name+": and again is refused", nil)
	info, err := c.PutObject(ctx, bucket, "aes", strings.NewReader("x"), 1,
		minio.PutObjectOptions{ServerSideEncryption: encrypt.NewSSE()})
	ok(info.ETag == "9dd4e461268c8034f5c8564e155c67a6", name+": SSE-S3 gives the MD5 as ETag", err)
	_, err = c.PutObject(ctx, bucket, "md5", strings.NewReader("x"), 1, minio.PutObjectOptions{SendContentMd5: true})
	ok(err == nil, name+": with Content-MD5", err)
	u, err := c.PresignedGetObject(ctx, bucket, "once", time.Minute, nil)
	ok(err == nil && strings.Contains(u.RawQuery, "X-Amz-Signature"), name+": presigned", err)
}

func uploads(ctx context.Context, bucket, name string, c *minio.Client) {
	core := minio.Core{Client: c}
	id, err := core.NewMultipartUpload(ctx, bucket, "left/over", minio.PutObjectOptions{})
	ok(err == nil, name+": NewMultipartUpload", err)
	n := 0
	for u := range c.ListIncompleteUploads(ctx, bucket, "left/", true) {
		if u.Err == nil && u.UploadID == id {
			n++
		}
	}
	ok(n == 1, name+": ListIncompleteUploads by prefix", nil)
	ok(c.RemoveIncompleteUpload(ctx, bucket, "left/over") == nil, name+": RemoveIncompleteUpload", nil)
}

func run(address string, trailing bool) {
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Minute)
	defer stop()
	name := strings.Split(address, ":")[0]
	if !trailing {
		name += " without trailers"
	}
	bucket := "minio-" + strings.ReplaceAll(name, " ", "-")
	c, w, err := connect(address, trailing)
	if !ok(err == nil, name+": client", err) {
		return
	}
	// No region is configured: the client asks for the bucket's location first.
	if !ok(true, name+": MakeBucket", c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: os.Getenv("AWS_DEFAULT_REGION")})) {
		return
	}
	exists, err := c.BucketExists(ctx, bucket)
	ok(exists, name+": BucketExists", err)
	bodies(ctx, c, bucket, name)
	if trailing { // the client sends its checksums in trailers only
		checksums(ctx, c, bucket, name)
	}
	reads(ctx, c, bucket, name)
	listings(ctx, c, bucket, name)
	copies(ctx, c, bucket, name)
	conditions(ctx, c, bucket, name)
	uploads(ctx, bucket, name, c)
	if trailing {
		form := map[string]string{"http": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
			"https": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}[name]
		ok(w.seen(form), name+": bodies went as "+form, nil)
	}
}

func main() {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/minio/minio-go/v7" {
				fmt.Println("# minio-go", module.Version)
			}
		}
	}
	for _, address := range []string{os.Getenv("INTEROP_HTTP"), os.Getenv("INTEROP_HTTPS")} {
		run(address, true)
		run(address, false)
	}
	if failed {
		os.Exit(1)
	}
}
