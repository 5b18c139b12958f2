"""The peer: nginx of Debian, with the settings that Debian ships and its access log, serving files and taking PUT (dav)."""

import os
import shutil
import subprocess
import time

from stack import wait_for

CONF = """
daemon off;
%(user)s
worker_processes %(workers)d;
pid %(dir)s/nginx.pid;
error_log %(dir)s/error.log;
events { worker_connections 4096; }
http {
	access_log %(dir)s/access.log;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	default_type application/octet-stream;
	client_max_body_size 0;
	client_body_temp_path %(dir)s/body;
	proxy_temp_path %(dir)s/proxy;
	fastcgi_temp_path %(dir)s/fastcgi;
	uwsgi_temp_path %(dir)s/uwsgi;
	scgi_temp_path %(dir)s/scgi;
	ssl_certificate %(authority)s/s3.pem;
	ssl_certificate_key %(authority)s/s3.key;
	ssl_protocols TLSv1.3;
	server {
		listen 127.0.0.1:%(port)d;
		listen 127.0.0.1:%(tls_port)d ssl;
		root %(dir)s/files;
		location / {
			dav_methods PUT;
			create_full_put_path on;
		}
	}
}
"""


class Nginx:
    """PUT is not durable here: nginx writes and renames, and syncs nothing."""

    def __init__(self, directory, port, authority, workers):
        self.dir, self.port, self.tls_port = directory, port, port + 1
        os.makedirs(os.path.join(directory, "files"))
        self.conf = os.path.join(directory, "nginx.conf")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(CONF % {"dir": directory, "port": port, "tls_port": self.tls_port, "authority": authority,
                            "workers": workers, "user": "user root;" if os.geteuid() == 0 else ""})
        self.process = None

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", self.dir, "-c", self.conf, "-e",
                                         os.path.join(self.dir, "error.log")], stdin=subprocess.DEVNULL)
        wait_for("nginx", lambda: self.process.poll() is None and os.path.exists(os.path.join(self.dir, "nginx.pid")))

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def put_file(self, path, data):
        full = os.path.join(self.dir, "files", path.lstrip("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)

    def url(self, tls):
        return "https://127.0.0.1:%d" % self.tls_port if tls else "http://127.0.0.1:%d" % self.port


def version():
    out = subprocess.run(["/usr/sbin/nginx", "-V"], capture_output=True, text=True, check=True).stderr
    return {"version": out.splitlines()[0].split("/", 1)[1], "dav": "http_dav_module" in out}


def there():
    return os.path.exists("/usr/sbin/nginx") and shutil.which("wrk") is not None


def settle(seconds=10.0):
    """Wait until the kernel has written what earlier runs left, so that it is not charged to the next one."""
    end = time.monotonic() + seconds
    os.sync()
    while time.monotonic() < end:
        with open("/proc/meminfo", encoding="ascii") as f:
            dirty = next(int(line.split()[1]) for line in f if line.startswith("Dirty:"))
        if dirty < 64 << 10:
            return
        time.sleep(0.05)
