// The TFLM API as the firmware uses it, declared so that it links against the official TFLM which
// the tflite-micro wheel carries (`nm -DC _runtime.so` shows every symbol named here). Only what
// crosses that border is declared; its layout must match the wheel's, which selftest.cc checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#define TFLITE_SCHEMA_VERSION (3)

// X(resolver method, op in the schema and in Register_*, parser, number in the schema)
#define TFLM_BUILTIN_OPS(X)                                                                   \
  X(Add, ADD, Add, 0)                                                                         \
  X(AveragePool2D, AVERAGE_POOL_2D, Pool, 1)                                                  \
  X(Concatenation, CONCATENATION, Concatenation, 2)                                           \
  X(Conv2D, CONV_2D, Conv2D, 3)                                                               \
  X(DepthwiseConv2D, DEPTHWISE_CONV_2D, DepthwiseConv2D, 4)                                   \
  X(DepthToSpace, DEPTH_TO_SPACE, DepthToSpace, 5)                                            \
  X(Dequantize, DEQUANTIZE, Dequantize, 6)                                                    \
  X(EmbeddingLookup, EMBEDDING_LOOKUP, EmbeddingLookup, 7)                                    \
  X(Floor, FLOOR, Floor, 8)                                                                   \
  X(FullyConnected, FULLY_CONNECTED, FullyConnected, 9)                                       \
  X(L2Normalization, L2_NORMALIZATION, L2Normalization, 11)                                   \
  X(L2Pool2D, L2_POOL_2D, Pool, 12)                                                           \
  X(Logistic, LOGISTIC, Logistic, 14)                                                         \
  X(MaxPool2D, MAX_POOL_2D, Pool, 17)                                                         \
  X(Mul, MUL, Mul, 18)                                                                        \
  X(Relu, RELU, Relu, 19)                                                                     \
  X(Relu6, RELU6, Relu6, 21)                                                                  \
  X(Reshape, RESHAPE, Reshape, 22)                                                            \
  X(ResizeBilinear, RESIZE_BILINEAR, ResizeBilinear, 23)                                      \
  X(Softmax, SOFTMAX, Softmax, 25)                                                            \
  X(SpaceToDepth, SPACE_TO_DEPTH, SpaceToDepth, 26)                                           \
  X(Svdf, SVDF, Svdf, 27)                                                                     \
  X(Tanh, TANH, Tanh, 28)                                                                     \
  X(Pad, PAD, Pad, 34)                                                                        \
  X(Gather, GATHER, Gather, 36)                                                               \
  X(BatchToSpaceNd, BATCH_TO_SPACE_ND, BatchToSpaceNd, 37)                                    \
  X(SpaceToBatchNd, SPACE_TO_BATCH_ND, SpaceToBatchNd, 38)                                    \
  X(Transpose, TRANSPOSE, Transpose, 39)                                                      \
  X(Mean, MEAN, Reducer, 40)                                                                  \
  X(Sub, SUB, Sub, 41)                                                                        \
  X(Div, DIV, Div, 42)                                                                        \
  X(Squeeze, SQUEEZE, Squeeze, 43)                                                            \
  X(UnidirectionalSequenceLSTM, UNIDIRECTIONAL_SEQUENCE_LSTM, UnidirectionalSequenceLSTM, 44) \
  X(StridedSlice, STRIDED_SLICE, StridedSlice, 45)                                            \
  X(Exp, EXP, Exp, 47)                                                                        \
  X(Split, SPLIT, Split, 49)                                                                  \
  X(LogSoftmax, LOG_SOFTMAX, LogSoftmax, 50)                                                  \
  X(Cast, CAST, Cast, 53)                                                                     \
  X(Prelu, PRELU, Prelu, 54)                                                                  \
  X(Maximum, MAXIMUM, Maximum, 55)                                                            \
  X(ArgMax, ARG_MAX, ArgMax, 56)                                                              \
  X(Minimum, MINIMUM, Minimum, 57)                                                            \
  X(Less, LESS, Less, 58)                                                                     \
  X(Neg, NEG, Neg, 59)                                                                        \
  X(PadV2, PADV2, PadV2, 60)                                                                  \
  X(Greater, GREATER, Greater, 61)                                                            \
  X(GreaterEqual, GREATER_EQUAL, GreaterEqual, 62)                                            \
  X(LessEqual, LESS_EQUAL, LessEqual, 63)                                                     \
  X(Slice, SLICE, Slice, 65)                                                                  \
  X(Sin, SIN, Sin, 66)                                                                        \
  X(TransposeConv, TRANSPOSE_CONV, TransposeConv, 67)                                         \
  X(ExpandDims, EXPAND_DIMS, ExpandDims, 70)                                                  \
  X(Equal, EQUAL, Equal, 71)                                                                  \
  X(NotEqual, NOT_EQUAL, NotEqual, 72)                                                        \
  X(Log, LOG, Log, 73)                                                                        \
  X(Sum, SUM, Reducer, 74)                                                                    \
  X(Sqrt, SQRT, Sqrt, 75)                                                                     \
  X(Rsqrt, RSQRT, Rsqrt, 76)                                                                  \
  X(Shape, SHAPE, Shape, 77)                                                                  \
  X(ArgMin, ARG_MIN, ArgMin, 79)                                                              \
  X(ReduceMax, REDUCE_MAX, Reducer, 82)                                                       \
  X(Pack, PACK, Pack, 83)                                                                     \
  X(LogicalOr, LOGICAL_OR, LogicalOr, 84)                                                     \
  X(LogicalAnd, LOGICAL_AND, LogicalAnd, 86)                                                  \
  X(LogicalNot, LOGICAL_NOT, LogicalNot, 87)                                                  \
  X(Unpack, UNPACK, Unpack, 88)                                                               \
  X(ReduceMin, REDUCE_MIN, Reducer, 89)                                                       \
  X(FloorDiv, FLOOR_DIV, FloorDiv, 90)                                                        \
  X(Square, SQUARE, Square, 92)                                                               \
  X(ZerosLike, ZEROS_LIKE, ZerosLike, 93)                                                     \
  X(Fill, FILL, Fill, 94)                                                                     \
  X(FloorMod, FLOOR_MOD, FloorMod, 95)                                                        \
  X(ResizeNearestNeighbor, RESIZE_NEAREST_NEIGHBOR, ResizeNearestNeighbor, 97)                \
  X(LeakyRelu, LEAKY_RELU, LeakyRelu, 98)                                                     \
  X(SquaredDifference, SQUARED_DIFFERENCE, SquaredDifference, 99)                             \
  X(MirrorPad, MIRROR_PAD, MirrorPad, 100)                                                    \
  X(Abs, ABS, Abs, 101)                                                                       \
  X(SplitV, SPLIT_V, SplitV, 102)                                                             \
  X(Ceil, CEIL, Ceil, 104)                                                                    \
  X(ReverseV2, REVERSE_V2, ReverseV2, 105)                                                    \
  X(AddN, ADD_N, AddN, 106)                                                                   \
  X(GatherNd, GATHER_ND, GatherNd, 107)                                                       \
  X(Cos, COS, Cos, 108)                                                                       \
  X(Elu, ELU, Elu, 111)                                                                       \
  X(Quantize, QUANTIZE, Quantize, 114)                                                        \
  X(Round, ROUND, Round, 116)                                                                 \
  X(HardSwish, HARD_SWISH, HardSwish, 117)                                                    \
  X(If, IF, If, 118)                                                                          \
  X(While, WHILE, While, 119)                                                                 \
  X(SelectV2, SELECT_V2, SelectV2, 123)                                                       \
  X(BatchMatMul, BATCH_MATMUL, BatchMatMul, 126)                                              \
  X(CumSum, CUMSUM, Cumsum, 128)                                                              \
  X(CallOnce, CALL_ONCE, CallOnce, 129)                                                       \
  X(BroadcastTo, BROADCAST_TO, BroadcastTo, 130)                                              \
  X(ReduceAll, REDUCE_ALL, Reducer, 140)                                                      \
  X(VarHandle, VAR_HANDLE, VarHandle, 142)                                                    \
  X(ReadVariable, READ_VARIABLE, ReadVariable, 143)                                           \
  X(AssignVariable, ASSIGN_VARIABLE, AssignVariable, 144)                                     \
  X(BroadcastArgs, BROADCAST_ARGS, BroadcastArgs, 145)                                        \
  X(DynamicUpdateSlice, DYNAMIC_UPDATE_SLICE, DynamicUpdateSlice, 151)

// X(resolver method, Register_*, name in the model, what Register_* returns)
#define TFLM_CUSTOM_OPS(X)                                                 \
  X(CircularBuffer, CIRCULAR_BUFFER, "CIRCULAR_BUFFER", TFLMRegistration*) \
  X(Decode, DECODE, "TFLM_DECODE", TFLMRegistration)                       \
  X(DetectionPostprocess, DETECTION_POSTPROCESS, "TFLite_Detection_PostProcess", TFLMRegistration*)

// The same for the signal library; each of its Register_* returns TFLMRegistration*.
#define TFLM_SIGNAL_OPS(X)                                                       \
  X(Delay, DELAY, "SignalDelay")                                                 \
  X(Energy, ENERGY, "SignalEnergy")                                              \
  X(FftAutoScale, FFT_AUTO_SCALE, "SignalFftAutoScale")                          \
  X(FilterBank, FILTER_BANK, "SignalFilterBank")                                 \
  X(FilterBankLog, FILTER_BANK_LOG, "SignalFilterBankLog")                       \
  X(FilterBankSquareRoot, FILTER_BANK_SQUARE_ROOT, "SignalFilterBankSquareRoot") \
  X(FilterBankSpectralSubtraction, FILTER_BANK_SPECTRAL_SUBTRACTION,             \
    "SignalFilterBankSpectralSubtraction")                                       \
  X(Framer, FRAMER, "SignalFramer")                                              \
  X(Irfft, IRFFT, "SignalIrfft")                                                 \
  X(OverlapAdd, OVERLAP_ADD, "SignalOverlapAdd")                                 \
  X(PCAN, PCAN, "SignalPCAN")                                                    \
  X(Rfft, RFFT, "SignalRfft")                                                    \
  X(Stacker, STACKER, "SignalStacker")                                           \
  X(Window, WINDOW, "SignalWindow")

namespace tflite {

#define TFLM_ENUMERATE(NAME, OP, PARSER, NUMBER) BuiltinOperator_##OP = NUMBER,
enum BuiltinOperator : int32_t { TFLM_BUILTIN_OPS(TFLM_ENUMERATE) BuiltinOperator_CUSTOM = 32 };
#undef TFLM_ENUMERATE

struct Operator;

// A model's root table; as in every flatbuffer, its vtable says where field 0, the version, is.
struct Model {
  uint32_t version() const {
    const auto* table = reinterpret_cast<const uint8_t*>(this);
    const uint8_t* vtable = table - Read<int32_t>(table);
    const uint16_t field = Read<uint16_t>(vtable) > 4 ? Read<uint16_t>(vtable + 4) : 0;
    return field == 0 ? 0 : Read<uint32_t>(table + field);
  }
  template <class T>
  static T Read(const uint8_t* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  }
};

inline const Model* GetModel(const void* flatbuffer) {
  const auto* bytes = static_cast<const uint8_t*>(flatbuffer);
  return reinterpret_cast<const Model*>(bytes + Model::Read<uint32_t>(bytes));
}

namespace micro {

enum TfLiteStatus : int { kTfLiteOk = 0, kTfLiteError = 1 };

enum TfLiteType : int {
  kTfLiteNoType = 0,
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteBool = 6,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
};

struct TfLiteContext;
struct TfLiteNode;
class BuiltinDataAllocator;

struct TfLiteIntArray {
  int size;
  int data[1];  // `size` of them
};

struct TfLiteQuantizationParams {
  float scale;
  int32_t zero_point;
};

// As the wheel was compiled, with TF_LITE_STATIC_MEMORY.
struct TfLiteTensor {
  struct {
    int type;
    void* params;
  } quantization;
  TfLiteQuantizationParams params;
  union {
    char* raw;
    int8_t* int8;
  } data;
  TfLiteIntArray* dims;
  size_t bytes;
  TfLiteType type;
  int allocation_type;
  bool is_variable;
};

struct TFLMRegistration {
  void* (*init)(TfLiteContext*, const char*, size_t);
  void (*free)(TfLiteContext*, void*);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  void (*reset)(TfLiteContext*, void*);
  int32_t builtin_code;
  const char* custom_name;
};

using Parser = TfLiteStatus (*)(const Operator*, BuiltinDataAllocator*, void**);

#define TFLM_DECLARE(NAME, OP, PARSER, NUMBER) \
  TFLMRegistration Register_##OP();            \
  TfLiteStatus Parse##PARSER(const Operator*, BuiltinDataAllocator*, void**);
TFLM_BUILTIN_OPS(TFLM_DECLARE)
#undef TFLM_DECLARE

#define TFLM_DECLARE(NAME, OP, MODEL_NAME, RETURNS) RETURNS Register_##OP();
TFLM_CUSTOM_OPS(TFLM_DECLARE)
#undef TFLM_DECLARE

namespace tflm_signal {
#define TFLM_DECLARE(NAME, OP, MODEL_NAME) TFLMRegistration* Register_##OP();
TFLM_SIGNAL_OPS(TFLM_DECLARE)
#undef TFLM_DECLARE
}  // namespace tflm_signal

// The order of the virtual functions is part of the binary interface.
class MicroOpResolver {
 public:
  virtual const TFLMRegistration* FindOp(BuiltinOperator op) const = 0;
  virtual const TFLMRegistration* FindOp(const char* name) const = 0;
  virtual Parser GetOpDataParser(BuiltinOperator op) const = 0;
  virtual ~MicroOpResolver() = default;
};

// Kernels for int8 alone, which some libraries for boards have; this one has none, and takes the
// same.
#define TFLM_INT8(OP) \
  inline TFLMRegistration Register_##OP##_INT8() { return Register_##OP(); }
TFLM_INT8(ADD)
TFLM_INT8(AVERAGE_POOL_2D)
TFLM_INT8(CONV_2D)
TFLM_INT8(DEPTHWISE_CONV_2D)
TFLM_INT8(FULLY_CONNECTED)
TFLM_INT8(MAX_POOL_2D)
TFLM_INT8(MUL)
TFLM_INT8(SOFTMAX)
TFLM_INT8(TRANSPOSE_CONV)
#undef TFLM_INT8

template <unsigned kCapacity>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  const TFLMRegistration* FindOp(BuiltinOperator op) const override {
    const Entry* entry = op == BuiltinOperator_CUSTOM ? nullptr : Find(op, nullptr);
    return entry == nullptr ? nullptr : &entry->registration;
  }

  const TFLMRegistration* FindOp(const char* name) const override {
    const Entry* entry = Find(BuiltinOperator_CUSTOM, name);
    return entry == nullptr ? nullptr : &entry->registration;
  }

  Parser GetOpDataParser(BuiltinOperator op) const override {
    const Entry* entry = op == BuiltinOperator_CUSTOM ? nullptr : Find(op, nullptr);
    return entry == nullptr ? nullptr : entry->parser;
  }

#define TFLM_ADD(NAME, OP, PARSER, NUMBER)                                         \
  TfLiteStatus Add##NAME(const TFLMRegistration& registration = Register_##OP()) { \
    return Add(BuiltinOperator_##OP, nullptr, registration, Parse##PARSER);        \
  }
  TFLM_BUILTIN_OPS(TFLM_ADD)
#undef TFLM_ADD

#define TFLM_ADD(NAME, OP, MODEL_NAME, RETURNS) \
  TfLiteStatus Add##NAME() { return AddCustom(MODEL_NAME, Register_##OP()); }
  TFLM_CUSTOM_OPS(TFLM_ADD)
#undef TFLM_ADD

#define TFLM_ADD(NAME, OP, MODEL_NAME) \
  TfLiteStatus Add##NAME() { return AddCustom(MODEL_NAME, tflm_signal::Register_##OP()); }
  TFLM_SIGNAL_OPS(TFLM_ADD)
#undef TFLM_ADD

 private:
  struct Entry {
    TFLMRegistration registration;
    Parser parser;
  };

  const Entry* Find(BuiltinOperator op, const char* name) const {
    for (unsigned i = 0; i < size_; ++i) {
      const TFLMRegistration& candidate = entries_[i].registration;
      if (candidate.builtin_code != op) continue;
      if (name == nullptr || std::strcmp(candidate.custom_name, name) == 0) return &entries_[i];
    }
    return nullptr;
  }

  TfLiteStatus Add(BuiltinOperator op, const char* name, const TFLMRegistration& registration,
                   Parser parser) {
    if (size_ == kCapacity || Find(op, name) != nullptr) return kTfLiteError;
    Entry& entry = entries_[size_++];
    entry = {registration, parser};
    entry.registration.builtin_code = op;
    entry.registration.custom_name = name;
    return kTfLiteOk;
  }

  TfLiteStatus AddCustom(const char* name, const TFLMRegistration& registration) {
    return Add(BuiltinOperator_CUSTOM, name, registration, nullptr);
  }
  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    return AddCustom(name, *registration);
  }

  Entry entries_[kCapacity];
  unsigned size_ = 0;
};

// As above: the order of the virtual functions is part of the binary interface.
class MicroProfilerInterface {
 public:
  virtual ~MicroProfilerInterface() = default;
  virtual uint32_t BeginEvent(const char* tag) = 0;
  virtual void EndEvent(uint32_t event) = 0;
};

enum class MemoryPlannerType { kGreedy, kLinear };

class MicroAllocator {
 public:
  static MicroAllocator* Create(uint8_t* arena, size_t bytes,
                                MemoryPlannerType planner = MemoryPlannerType::kGreedy);
  static MicroAllocator* Create(uint8_t* persistent, size_t persistent_bytes, uint8_t* shared,
                                size_t shared_bytes,
                                MemoryPlannerType planner = MemoryPlannerType::kGreedy);
  size_t used_bytes() const;
};

class MicroResourceVariables {
 public:
  static MicroResourceVariables* Create(MicroAllocator* allocator, int count);
};

class alignas(16) MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, MicroAllocator* allocator,
                   MicroResourceVariables* variables, MicroProfilerInterface* profiler);
  ~MicroInterpreter();

  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteStatus Reset();
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);

 private:
  unsigned char tflm_[4096];  // TFLM's own members, with room to spare
};

}  // namespace micro
}  // namespace tflite
