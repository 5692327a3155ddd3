/* A transposed convolution that speaks the process protocol (protocol.md): float32, channels_last, forward only.
 * Build: cc -O2 -o my_program my_program.c -lm */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int rank; long shape[4], size; float *data; } Array;

/* Your own code goes here. x: (batch, height, width, channels); kernel: (height, width, filters, channels);
 * bias: (filters) or NULL; y is made by the caller, with the output's shape. */
static void conv2d_transpose(const Array *x, const Array *kernel, const Array *bias, const long strides[2],
                             const long cropped[2], Array *y)
{
    long H = x->shape[1], W = x->shape[2], C = x->shape[3];
    long KH = kernel->shape[0], KW = kernel->shape[1], F = kernel->shape[2];
    long R = y->shape[1], Q = y->shape[2];
    double *sums = calloc(y->size + 1, sizeof *sums);
    for (long n = 0; n < x->shape[0]; n++)
        for (long h = 0; h < H; h++)
            for (long w = 0; w < W; w++)
                for (long i = 0; i < KH; i++)
                    for (long j = 0; j < KW; j++) {
                        long r = h * strides[0] + i - cropped[0], q = w * strides[1] + j - cropped[1];
                        if (r < 0 || r >= R || q < 0 || q >= Q) continue;
                        const float *pixel = x->data + ((n * H + h) * W + w) * C;
                        for (long f = 0; f < F; f++)
                            for (long c = 0; c < C; c++)
                                sums[((n * R + r) * Q + q) * F + f] +=
                                    (double)pixel[c] * kernel->data[((i * KW + j) * F + f) * C + c];
                    }
    for (long k = 0; k < y->size; k++) y->data[k] = (float)(sums[k] + (bias ? bias->data[k % F] : 0));
    free(sums);
}

/* From here on: the protocol. JSON is read into a tree of nodes; memory is given back when the program ends. */
typedef struct Node { enum { NUL, BOOL, NUM, STR, LIST, OBJ } kind; double number; char *text; int count;
                      struct Node *items; } Node; /* an object's items are its keys and values in turn */

static const char *at;

static void space(void) { while (isspace((unsigned char)*at)) at++; }

static char *string(void)
{
    char *text = malloc(strlen(at) + 1), *end = text;
    for (at++; *at && *at != '"'; at++) *end++ = *at == '\\' ? *++at : *at; /* escapes in names do not matter here */
    at++;
    *end = 0;
    return text;
}

static Node parse(void)
{
    Node node = {NUL, 0, NULL, 0, NULL};
    space();
    if (*at == '"') { node.kind = STR; node.text = string(); return node; }
    if (*at == '[' || *at == '{') {
        node.kind = *at == '[' ? LIST : OBJ;
        for (at++, space(); *at && *at != ']' && *at != '}'; space()) {
            node.items = realloc(node.items, (node.count + 1) * sizeof(Node));
            Node item = parse();
            node.items[node.count++] = item;
            space();
            if (*at == ',' || *at == ':') at++;
        }
        at++;
        return node;
    }
    if (*at == 't' || *at == 'f') { node.kind = BOOL; node.number = *at == 't'; }
    else if (*at != 'n') { char *end; node.kind = NUM; node.number = strtod(at, &end); at = end; return node; }
    while (isalpha((unsigned char)*at)) at++;
    return node;
}

static Node *get(Node *object, const char *key)
{
    for (int i = 0; object && object->kind == OBJ && i + 1 < object->count; i += 2)
        if (!strcmp(object->items[i].text, key)) return &object->items[i + 1];
    return NULL;
}

/* One outcome is written into `out`; "unsupported" is what you do not have, "error" what is refused. */
static char out[1 << 22];

static int tell(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(out, sizeof out, format, values);
    va_end(values);
    return 0;
}

static int unsupported(const char *what) { return tell("{\"unsupported\": \"no %s\"}", what); }

static int refuse(const char *moment, const char *why)
{
    return tell("{\"error\": {\"types\": [\"ValueError\", \"Exception\"], \"message\": \"%s\", \"moment\": \"%s\"}}",
                why, moment);
}

static const char *DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int array(Node *node, Array *a)
{
    if (!get(node, "dtype") || strcmp(get(node, "dtype")->text, "float32")) return unsupported("such dtype");
    Node *shape = get(node, "shape");
    a->rank = shape->count;
    a->size = 1;
    for (int i = 0; i < a->rank; i++) {
        if (i < 4) a->shape[i] = (long)shape->items[i].number;
        a->size *= (long)shape->items[i].number; /* a size may be zero */
    }
    uint8_t *bytes = (uint8_t *)(a->data = malloc(a->size * 4 + 4));
    uint32_t bits = 0;
    int count = 0;
    for (const char *c = get(node, "base64")->text; *c && *c != '='; c++) {
        bits = bits << 6 | (uint32_t)(strchr(DIGITS, *c) - DIGITS);
        if ((count += 6) >= 8) *bytes++ = bits >> (count -= 8) & 255;
    }
    return 1;
}

static void print_array(const Array *a)
{
    char *end = out + sprintf(out, "{\"value\": {\"shape\": [%ld, %ld, %ld, %ld], \"dtype\": \"float32\", \"base64\": \"",
                              a->shape[0], a->shape[1], a->shape[2], a->shape[3]);
    const uint8_t *bytes = (const uint8_t *)a->data;
    for (long i = 0, size = a->size * 4; i < size; i += 3) {
        uint32_t bits = bytes[i] << 16 | (i + 1 < size ? bytes[i + 1] << 8 : 0) | (i + 2 < size ? bytes[i + 2] : 0);
        for (int k = 0; k < 4; k++) *end++ = i + k > size ? '=' : DIGITS[bits >> (18 - 6 * k) & 63];
    }
    strcpy(end, "\"}}");
}

typedef struct { long filters, channels, kernel_size[2], strides[2]; int same, use_bias, weights; Array kernel, bias; } Layer;

/* One integer or two: an argument may have any JSON type, for invalid ones come on purpose. */
static int pair(Node *node, long given[2])
{
    for (int i = 0; i < 2; i++) {
        Node *one = node && node->kind == LIST ? (node->count == 2 ? &node->items[i] : NULL) : node;
        if (!one || one->kind != NUM || one->number < 1 || one->number != floor(one->number)) return 0;
        given[i] = (long)one->number;
    }
    return 1;
}

static int construct(Layer *layer, Node *given)
{
    static const char *KNOWN = " filters kernel_size strides padding use_bias name ";
    Node one = {NUM, 1, NULL, 0, NULL}, *strides = get(given, "strides"), *padding = get(given, "padding");
    Node *filters = get(given, "filters"), *use_bias = get(given, "use_bias");
    for (int i = 0; i < given->count; i += 2) {
        char word[128];
        snprintf(word, sizeof word, " %s ", given->items[i].text);
        if (!strstr(KNOWN, word)) return unsupported(given->items[i].text); /* never ignored */
    }
    if (!pair(get(given, "kernel_size"), layer->kernel_size)) return refuse("construct", "kernel_size");
    if (!pair(strides ? strides : &one, layer->strides)) return refuse("construct", "strides");
    if (padding && (padding->kind != STR || (strcmp(padding->text, "same") && strcmp(padding->text, "valid"))))
        return unsupported("such padding");
    if (filters->kind != NUM || filters->number < 1) return unsupported("such filters");
    layer->filters = (long)filters->number;
    layer->use_bias = !use_bias || use_bias->number;
    layer->same = padding && !strcmp(padding->text, "same");
    return tell("{\"value\": null}"), 1;
}

static int call(Layer *layer, Node *step)
{
    Array x, y = {.rank = 4};
    long crop[2] = {0, 0};
    if (!layer->weights) return unsupported("initializers");
    if (!array(get(step, "inputs"), &x)) return 0;
    if (x.rank != 4 || x.shape[3] != layer->kernel.shape[3]) return refuse("call", "rank or channels of the inputs");
    y.shape[0] = x.shape[0];
    y.shape[3] = layer->kernel.shape[2];
    for (int i = 0; i < 2; i++) {
        long overlap = layer->kernel.shape[i] - layer->strides[i];
        if (overlap < 0) overlap = 0;
        y.shape[i + 1] = x.shape[i + 1] * layer->strides[i] + (layer->same ? 0 : overlap);
        crop[i] = layer->same ? overlap / 2 : 0;
    }
    y.size = y.shape[0] * y.shape[1] * y.shape[2] * y.shape[3];
    if (y.size > 500000) return unsupported("room for such an output");
    y.data = malloc(y.size * 4 + 4);
    conv2d_transpose(&x, &layer->kernel, layer->weights > 1 ? &layer->bias : NULL, layer->strides, crop, &y);
    print_array(&y);
    return 1;
}

static int build(Layer *layer, Node *step)
{
    Node *shape = get(step, "input_shape");
    layer->channels = shape->count ? (long)shape->items[shape->count - 1].number : 0;
    return tell("{\"value\": null}"), 1; /* no initializers: weights come by set_weights */
}

static int set_weights(Layer *layer, Node *step)
{
    Node *values = get(step, "values");
    Array given[2] = {{0}};
    if (values->count != 1 + layer->use_bias) return refuse("set_weights", "another number of weights");
    for (int i = 0; i < values->count; i++)
        if (!array(&values->items[i], &given[i])) return 0;
    const long *kernel = given[0].shape;
    if (given[0].rank != 4 || kernel[0] != layer->kernel_size[0] || kernel[1] != layer->kernel_size[1] ||
        kernel[2] != layer->filters || kernel[3] != layer->channels ||
        (layer->use_bias && (given[1].rank != 1 || given[1].shape[0] != layer->filters)))
        return refuse("set_weights", "weights of other shapes");
    layer->kernel = given[0];
    layer->bias = given[1];
    layer->weights = values->count;
    return tell("{\"value\": null}"), 1;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        at = line;
        Node request = parse(), *the_case = get(&request, "case");
        if (!the_case) {
            puts("{\"kind\": \"description\", \"protocol\": 1, \"versions\": {\"my_program\": \"0.1\"}}");
            fflush(stdout);
            continue;
        }
        Layer layer = {0};
        Node *steps = get(the_case, "steps");
        int made = construct(&layer, get(the_case, "arguments"));
        printf("{\"kind\": \"observation\", \"id\": \"%s\", \"observation\": {\"constructed\": %s, \"outcomes\": [",
               get(&request, "id")->text, out);
        for (int i = 0; made && i < steps->count; i++) {
            const char *what = get(&steps->items[i], "do")->text;
            if (!strcmp(what, "build")) build(&layer, &steps->items[i]);
            else if (!strcmp(what, "set_weights")) set_weights(&layer, &steps->items[i]);
            else if (!strcmp(what, "call")) call(&layer, &steps->items[i]);
            else unsupported(what);
            printf("%s%s", i ? ", " : "", out);
        }
        puts("]}}");
        fflush(stdout); /* after every answer */
    }
    return 0;
}
