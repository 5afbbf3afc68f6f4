/* Asks a SavedModel through TensorFlow's C API: without Python, as TensorFlow Serving does.

       serving_client MODEL < requests > answers

   Each request: the number of inputs, and a name and a tensor for each; then the number of outputs,
   and a name for each. Its answer: a tensor for each output. Names are those of TensorFlow's graph,
   "serving_default_x:0". Every number is an int64 of this machine. A text is its length and its
   bytes. A tensor is its TF_DataType, its rank, its dimensions and its values: one text with all
   bytes, or of TF_STRING a text for each. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

static void fail(const char *what) {
  fprintf(stderr, "serving_client: %s\n", what);
  exit(1);
}

static void expect_ok(const TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) fail(TF_Message(status));
}

static void *allocated(size_t size) {
  void *memory = calloc(size + 1, 1); /* one byte of 0 more ends a text */
  if (memory == NULL) fail("no memory");
  return memory;
}

static int64_t read_number(void) {
  int64_t number;
  if (fread(&number, sizeof number, 1, stdin) != 1) fail("the request ends early");
  return number;
}

static char *read_text(int64_t *length) {
  *length = read_number();
  char *text = allocated(*length);
  if (fread(text, 1, *length, stdin) != (size_t)*length) fail("the request ends early");
  return text;
}

static void write_number(int64_t number) { fwrite(&number, sizeof number, 1, stdout); }

static void write_text(const char *text, size_t length) {
  write_number(length);
  fwrite(text, 1, length, stdout);
}

static TF_Output read_place(TF_Graph *graph) {
  int64_t length;
  char *name = read_text(&length), *colon = strrchr(name, ':');
  if (colon == NULL) fail("expected a name such as x:0");
  *colon = '\0';
  TF_Output place = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (place.oper == NULL) fail("the graph has no op of an input's or output's name");
  free(name);
  return place;
}

static TF_Tensor *read_tensor(void) {
  TF_DataType type = read_number();
  int64_t rank = read_number(), count = 1, length;
  int64_t *shape = allocated(rank * sizeof *shape);
  for (int64_t i = 0; i < rank; i++) count *= shape[i] = read_number();
  size_t size = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
  TF_Tensor *tensor = TF_AllocateTensor(type, shape, rank, count * size);
  if (type == TF_STRING) {
    TF_TString *strings = TF_TensorData(tensor);
    for (int64_t i = 0; i < count; i++) {
      char *text = read_text(&length);
      TF_StringInit(&strings[i]);
      TF_StringCopy(&strings[i], text, length);
      free(text);
    }
  } else {
    char *values = read_text(&length);
    if ((size_t)length != count * size) fail("the values do not fit the shape");
    memcpy(TF_TensorData(tensor), values, length);
    free(values);
  }
  free(shape);
  return tensor;
}

static void write_tensor(const TF_Tensor *tensor) {
  write_number(TF_TensorType(tensor));
  write_number(TF_NumDims(tensor));
  for (int i = 0; i < TF_NumDims(tensor); i++) write_number(TF_Dim(tensor, i));
  if (TF_TensorType(tensor) != TF_STRING) {
    write_text(TF_TensorData(tensor), TF_TensorByteSize(tensor));
    return;
  }
  const TF_TString *strings = TF_TensorData(tensor);
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++)
    write_text(TF_StringGetDataPointer(&strings[i]), TF_StringGetSize(&strings[i]));
}

static void answer(TF_Session *session, TF_Graph *graph, TF_Status *status) {
  int64_t inputs = read_number();
  TF_Output *fed = allocated(inputs * sizeof *fed);
  TF_Tensor **given = allocated(inputs * sizeof *given);
  for (int64_t i = 0; i < inputs; i++) {
    fed[i] = read_place(graph);
    given[i] = read_tensor();
  }
  int64_t outputs = read_number();
  TF_Output *fetched = allocated(outputs * sizeof *fetched);
  TF_Tensor **results = allocated(outputs * sizeof *results);
  for (int64_t i = 0; i < outputs; i++) fetched[i] = read_place(graph);
  TF_SessionRun(session, NULL, fed, given, inputs, fetched, results, outputs, NULL, 0, NULL,
                status);
  expect_ok(status);
  for (int64_t i = 0; i < outputs; i++) {
    write_tensor(results[i]);
    TF_DeleteTensor(results[i]);
  }
  for (int64_t i = 0; i < inputs; i++) TF_DeleteTensor(given[i]);
  free(fed), free(given), free(fetched), free(results);
}

/* ConfigProto {graph_options {rewrite_options {disable_meta_optimizer: true}}}: no graph rewriting,
   which moves the last bit of some sums. */
static const unsigned char no_rewriting[] = {0x52, 5, 0x52, 3, 0x98, 1, 1};

int main(int count, char **arguments) {
  if (count != 2) fail("usage: serving_client MODEL < requests > answers");
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_SetConfig(options, no_rewriting, sizeof no_rewriting, status);
  expect_ok(status);
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, arguments[1], tags, 1, graph, NULL, status);
  expect_ok(status);
  for (int next = getchar(); next != EOF; next = getchar()) {
    ungetc(next, stdin);
    answer(session, graph, status);
  }
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
