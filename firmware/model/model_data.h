// The model as it lies in flash; model_data.cc is generated.
#pragma once

// A board that would copy constant data to RAM names the section that stays in flash, by a build
// flag: -DMODEL_DATA_SECTION=.progmem
#ifdef MODEL_DATA_SECTION
#define MODEL_DATA_STRING_(name) #name
#define MODEL_DATA_STRING(name) MODEL_DATA_STRING_(name)
#define MODEL_DATA_ATTRIBUTE __attribute__((section(MODEL_DATA_STRING(MODEL_DATA_SECTION))))
#else
#define MODEL_DATA_ATTRIBUTE
#endif

extern const unsigned char g_model_data[];
extern const unsigned int g_model_data_size;
