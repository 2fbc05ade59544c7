// answers.hpp: what each route does. A function throws Failure or strongroom_abi::Error where it cannot.
#pragma once

#include "api/api.hpp"
#include "api/exchange.hpp"

namespace strongroomd::answers {

// secret_answers.cpp
Response get_secret(const Api::Parts& parts, Exchange& exchange);  // or a list, with ?list=true
Response put_secret(const Api::Parts& parts, Exchange& exchange);
Response patch_secret(const Api::Parts& parts, Exchange& exchange);
Response delete_secret(const Api::Parts& parts, Exchange& exchange);
Response revoke_secret(const Api::Parts& parts, Exchange& exchange);
Response renew_secret(const Api::Parts& parts, Exchange& exchange);

// store_answers.cpp
Response ping(const Api::Parts& parts, Exchange& exchange);
Response ping_store(const Api::Parts& parts, Exchange& exchange);
Response get_init(const Api::Parts& parts, Exchange& exchange);
Response put_init(const Api::Parts& parts, Exchange& exchange);
Response seal_status(const Api::Parts& parts, Exchange& exchange);
Response unseal(const Api::Parts& parts, Exchange& exchange);
Response auto_unseal(const Api::Parts& parts, Exchange& exchange);
Response seal(const Api::Parts& parts, Exchange& exchange);
Response list_stores(const Api::Parts& parts, Exchange& exchange);
Response get_store(const Api::Parts& parts, Exchange& exchange);
Response put_store(const Api::Parts& parts, Exchange& exchange);
Response delete_store(const Api::Parts& parts, Exchange& exchange);

// token_answers.cpp
Response login(const Api::Parts& parts, Exchange& exchange);
Response create_token(const Api::Parts& parts, Exchange& exchange);
Response list_tokens(const Api::Parts& parts, Exchange& exchange);
Response get_token(const Api::Parts& parts, Exchange& exchange);
Response delete_token(const Api::Parts& parts, Exchange& exchange);

}  // namespace strongroomd::answers
