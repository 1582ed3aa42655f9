/* The same verified pull in C: what no interpreter can be much faster than.
 *
 *     cpull PORT LIST FIRST THREADS [CA]
 *
 * LIST has a line for each document, "path digest size". The first FIRST of them, the manifests, are
 * read one after the other; then THREADS threads share the blobs, each on a connection that is kept.
 * Each is received into one buffer of 1 MiB, hashed and thrown away; a wrong length or digest ends
 * the program. With CA, a file of certificates, over TLS. Prints the seconds that it took.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BUFFER = 1 << 20, MOST = 4096 };

static struct {
    char path[256], hex[65];
    long size;
} documents[MOST];
static int count, port;
static atomic_int next;
static SSL_CTX *tls;

struct connection {
    int socket;
    SSL *ssl;
    char *buffer;
    EVP_MD_CTX *hash;
};

static void fail(const char *why) {
    fprintf(stderr, "cpull: %s\n", why);
    exit(1);
}

static void open_connection(struct connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;
    inet_aton("127.0.0.1", &address.sin_addr);
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->socket, (void *)&address, sizeof address)) fail("connect");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    c->ssl = NULL;
    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set1_host(c->ssl, "127.0.0.1");
        SSL_set_fd(c->ssl, c->socket);
        if (SSL_connect(c->ssl) != 1) fail("handshake");
    }
    c->buffer = malloc(BUFFER + 1);
    c->hash = EVP_MD_CTX_new();
}

static long receive(struct connection *c, char *into, long most, int flags) {
    long got = c->ssl ? SSL_read(c->ssl, into, most) : recv(c->socket, into, most, flags);
    if (got <= 0) fail("cut");
    return got;
}

static void ask(struct connection *c, const char *path) {
    char text[1024];
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Accept: application/vnd.oci.image.index.v1+json, "
                          "application/vnd.oci.image.manifest.v1+json\r\n\r\n",
                          path, port);
    int sent = c->ssl ? SSL_write(c->ssl, text, length) : (int)send(c->socket, text, length, 0);
    if (sent != length) fail("send");
}

static void read_document(struct connection *c, int number) {
    long got = 0;
    char *end = NULL;
    ask(c, documents[number].path);
    while (!end) {
        if (got == BUFFER) fail("header");
        got += receive(c, c->buffer + got, got < 16384 ? 16384 : BUFFER - got, 0);
        c->buffer[got] = 0;
        end = memmem(c->buffer, got, "\r\n\r\n", 4);
    }
    if (memcmp(c->buffer + 9, "200", 3)) fail(documents[number].path);
    char *length = strcasestr(c->buffer, "content-length:");
    if (!length || atol(length + 15) != documents[number].size) fail("another length");
    end += 4;
    long left = documents[number].size, body = c->buffer + got - end;
    EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL);
    EVP_DigestUpdate(c->hash, end, body);
    for (left -= body; left > 0; left -= got) {
        got = receive(c, c->buffer, left < BUFFER ? left : BUFFER, MSG_WAITALL);
        EVP_DigestUpdate(c->hash, c->buffer, got);
    }
    unsigned char digest[32];
    char hex[65];
    EVP_DigestFinal_ex(c->hash, digest, NULL);
    for (int i = 0; i < 32; i++) sprintf(hex + 2 * i, "%02x", digest[i]);
    if (strcmp(hex, documents[number].hex)) fail("another digest");
}

static void *work(void *given) {
    struct connection *c = given, own;
    if (!c) open_connection(c = &own);
    for (int number; (number = atomic_fetch_add(&next, 1)) < count;) read_document(c, number);
    return NULL;
}

int main(int arguments, char **argument) {
    if (arguments < 5) fail("usage: cpull PORT LIST FIRST THREADS [CA]");
    struct timespec began, ended;
    int first = atoi(argument[3]), threads = atoi(argument[4]);
    port = atoi(argument[1]);
    FILE *list = fopen(argument[2], "r");
    if (!list) fail(argument[2]);
    while (count < MOST && fscanf(list, "%255s sha256:%64s %ld", documents[count].path,
                                  documents[count].hex, &documents[count].size) == 3)
        count++;
    if (arguments > 5) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
        if (!SSL_CTX_load_verify_locations(tls, argument[5], NULL)) fail(argument[5]);
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    struct connection main_one;
    open_connection(&main_one);
    for (; next < first; next++) read_document(&main_one, next);
    pthread_t running[64];
    for (int i = 0; i < threads; i++)
        if (pthread_create(running + i, NULL, work, i ? NULL : &main_one)) fail("thread");
    for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%.6f\n", ended.tv_sec - began.tv_sec + (ended.tv_nsec - began.tv_nsec) / 1e9);
    return 0;
}
